"""Legal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lift_reason", sa.String(length=300), nullable=False),
        sa.Column("lift_asked_by", sa.String(length=80), nullable=True),
        sa.Column("lift_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('asked', 'set', 'lift_asked', 'lifted', 'withdrawn')", name=op.f("ck_holds_state")
        ),
        sa.CheckConstraint(
            "(state IN ('lifted', 'withdrawn')) = (ended_at IS NOT NULL)", name=op.f("ck_holds_ended_has_time")
        ),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_holds_consultation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index(op.f("ix_holds_consultation_asked_at"), "holds", ["consultation", "asked_at"])
    op.create_index(op.f("ix_holds_state"), "holds", ["state"])
