"""Segments are chained by their hashes; where each sealed file of a recording is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("segments", sa.Column("previous_sha256", sa.String(length=64), server_default="", nullable=False))
    op.add_column("segments", sa.Column("interrupted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "deliveries",
        sa.Column("blob", sa.String(length=300), nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("place", sa.String(length=16), nullable=False),
        sa.Column("sealed_bytes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.String(length=64), server_default="", nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("place IN ('spool', 'both', 'store')", name=op.f("ck_deliveries_place")),
        sa.CheckConstraint("place = 'spool' OR sealed_sha256 <> ''", name=op.f("ck_deliveries_delivered_has_hash")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_deliveries_consultation")),
        sa.PrimaryKeyConstraint("blob", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_place_retry_at"), "deliveries", ["place", "retry_at"])
    op.create_index(op.f("ix_deliveries_consultation"), "deliveries", ["consultation"])
    _chain_what_is_there()
    op.execute(
        "INSERT INTO deliveries (blob, consultation, place)"
        " SELECT segments.blob, recordings.consultation, 'spool'"
        " FROM segments JOIN recordings ON recordings.id = segments.recording WHERE segments.closed"
    )
    op.execute(
        "INSERT INTO deliveries (blob, consultation, place)"
        " SELECT blob, consultation, 'spool' FROM recordings WHERE state = 'ready'"
    )


def _chain_what_is_there() -> None:
    """Give each stored segment the hash of the one before it in its track."""
    op.execute(
        """
        UPDATE segments SET previous_sha256 = coalesce(
            (SELECT before.sha256 FROM segments AS before
             WHERE before.recording = segments.recording AND before.participant = segments.participant
               AND before.source = segments.source AND before."index" < segments."index"
             ORDER BY before."index" DESC LIMIT 1), '')
        """
    )
