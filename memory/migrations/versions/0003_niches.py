"""Where an experiment competes in the pool."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; experiments that are there compete by their skeleton."""
    with op.batch_alter_table("experiments") as batch_op:
        batch_op.add_column(sa.Column("niche", sa.String(length=200), nullable=True))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("experiments") as batch_op:
        batch_op.drop_column("niche")
