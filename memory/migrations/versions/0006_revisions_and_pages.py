"""Lessons in the order in which they changed, and the pages of notes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there counts as changed once, in one step."""
    with op.batch_alter_table("lessons") as table:
        table.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_lessons_revision", "lessons", ["revision"])
    with op.batch_alter_table("notes") as table:
        table.add_column(sa.Column("page", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("notes") as table:
        table.drop_column("page")
    op.drop_index("ix_lessons_revision", "lessons")
    with op.batch_alter_table("lessons") as table:
        table.drop_column("revision")
