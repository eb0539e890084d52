"""Approvals whose workflows are stuck."""

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of stuck approvals."""
    op.create_table(
        "stuck_approvals",
        sa.Column("approval_id", sa.String(length=36), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_stuck_approvals")),
    )
