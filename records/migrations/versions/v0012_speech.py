"""Who spoke when in a recording."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("recordings", sa.Column("speech", sa.JSON(), nullable=False, server_default="[]"))
