"""The spread of what arms have earned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the squares; rewards of before were 0, 0.3 or 1, and their spread is not known."""
    op.add_column("credits", sa.Column("squares", sa.Float(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("credits", "squares")
