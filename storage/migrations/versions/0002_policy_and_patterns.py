"""What policy said of an approval, and the trusted patterns with their uses."""

import sqlalchemy as sa
from alembic import op

from storage.columns import JsonText, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what may be null to approvals, so that the release before goes on writing them; make the new tables."""
    for column in (
        sa.Column("rules", JsonText(), nullable=True),
        sa.Column("policy_version", sa.String(length=64), nullable=True),
        sa.Column("open_to_patterns", sa.Boolean(), nullable=True),
        sa.Column("pattern", JsonText(), nullable=True),
    ):
        op.add_column("approvals", column)
    op.create_table(
        "trusted_patterns",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trusted_patterns")),
    )
    op.create_table(
        "trusted_pattern_revisions",
        sa.Column("pattern_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", JsonText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["trusted_patterns.id"], name=op.f("fk_trusted_pattern_revisions_pattern_id")
        ),
        sa.PrimaryKeyConstraint("pattern_id", "revision", name=op.f("pk_trusted_pattern_revisions")),
    )
    op.create_table(
        "pattern_uses",
        sa.Column("pattern_id", sa.String(length=36), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["pattern_id"], ["trusted_patterns.id"], name=op.f("fk_pattern_uses_pattern_id")),
        sa.PrimaryKeyConstraint("pattern_id", "day", name=op.f("pk_pattern_uses")),
    )
