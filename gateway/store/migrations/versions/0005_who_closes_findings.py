"""Who has raised a finding, as a legal hold, and who has closed one by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("raised_by", "resolved_by"):
        op.add_column("findings", sa.Column(name, sa.String(100)))
