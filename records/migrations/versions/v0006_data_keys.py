"""Data keys by purpose, each with a share outside of the database."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("key_ring_id", sa.String(length=32), nullable=False),
        sa.Column("share", sa.String(length=64), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("purpose IN ('record', 'media')", name=op.f("ck_data_keys_purpose")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_data_keys_consultation")),
        sa.PrimaryKeyConstraint("consultation", "purpose", name=op.f("pk_data_keys")),
    )
    op.create_index(op.f("ix_data_keys_key_ring_id"), "data_keys", ["key_ring_id"])
    op.execute(
        "INSERT INTO data_keys (consultation, purpose, key_ring_id, wrapped)"
        " SELECT consultation, 'record', key_ring_id, wrapped FROM consultation_keys"
    )
    op.execute(  # what was recorded until now is sealed with the record's key
        "INSERT INTO data_keys (consultation, purpose, key_ring_id, wrapped)"
        " SELECT k.consultation, 'media', k.key_ring_id, k.wrapped"
        " FROM consultation_keys k JOIN recordings r ON r.consultation = k.consultation"
    )
    op.drop_table("consultation_keys")
