"""What approvals are found by, and in which order they are listed."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what searches read."""
