"""How good everybody's connection was, minute by minute."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "quality_minutes",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("participant", sa.String(length=80), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("round_trip_ms", sa.Integer(), nullable=True),
        sa.Column("loss_percent", sa.Float(), nullable=False),
        sa.Column("jitter_ms", sa.Float(), nullable=False),
        sa.Column("bitrate_up_kbps", sa.Integer(), nullable=False),
        sa.Column("bitrate_down_kbps", sa.Integer(), nullable=False),
        sa.Column("talk_ms", sa.Integer(), nullable=False),
        sa.Column("freeze_ms", sa.Integer(), nullable=False),
        sa.Column("concealed_ms", sa.Integer(), nullable=False),
        sa.Column("frames_per_second", sa.Float(), nullable=True),
        sa.Column("picture_height", sa.Integer(), nullable=True),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_quality_minutes_score")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_quality_minutes_consultation")),
        sa.PrimaryKeyConstraint("consultation", "started_at", "participant", name=op.f("pk_quality_minutes")),
    )
