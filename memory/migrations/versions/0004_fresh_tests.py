"""Tests on fresh replicates, and what the score that is shown of an experiment stands on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "fresh_tests",
        sa.Column("campaign", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("experiment", sa.String(length=300), nullable=False),
        sa.Column("reference", sa.String(length=300), nullable=False),
        sa.Column("first_seed", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.Column("replicates", sa.Integer(), nullable=False),
        sa.Column("delta", sa.Float(), nullable=True),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.name"]),
        sa.PrimaryKeyConstraint("campaign", "number"),
    )
    op.add_column("experiments", sa.Column("claim", sa.String(length=20), nullable=False, server_default=""))
    op.add_column("experiments", sa.Column("replicates", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("experiments", sa.Column("merit", sa.Float(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    for column in ("merit", "replicates", "claim"):
        op.drop_column("experiments", column)
    op.drop_table("fresh_tests")
