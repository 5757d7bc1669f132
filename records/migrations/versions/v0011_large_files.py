"""Files of more than 2 GiB: SQLite's numbers are long enough anyway."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("recordings", "size_bytes", type_=sa.BigInteger())
        op.alter_column("deliveries", "sealed_bytes", type_=sa.BigInteger())
