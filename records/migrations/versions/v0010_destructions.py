"""Proposals to destroy what is due, and statements that a record was."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_KINDS = "kind IN ('manifest', 'film', 'package', 'destruction', 'erasure')"


def upgrade() -> None:
    op.create_table(
        "destructions",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("confirmed_by", sa.String(length=80), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_reason", sa.String(length=300), nullable=False),
        sa.CheckConstraint("kind IN ('recordings', 'records')", name=op.f("ck_destructions_kind")),
        sa.CheckConstraint(
            "state IN ('proposed', 'confirmed', 'done', 'declined')", name=op.f("ck_destructions_state")
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'declined')) = (ended_at IS NOT NULL)", name=op.f("ck_destructions_ended_has_time")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["members.id"], name=op.f("fk_destructions_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destructions")),
    )
    op.create_index(op.f("ix_destructions_proposed_at"), "destructions", ["proposed_at"])
    op.create_table(
        "destruction_items",
        sa.Column("destruction", sa.String(length=80), nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.CheckConstraint("outcome IN ('waiting', 'destroyed', 'kept')", name=op.f("ck_destruction_items_outcome")),
        sa.ForeignKeyConstraint(["destruction"], ["destructions.id"], name=op.f("fk_destruction_items_destruction")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_destruction_items_consultation")),
        sa.PrimaryKeyConstraint("destruction", "consultation", name=op.f("pk_destruction_items")),
    )
    _allow_erasures()


def _allow_erasures() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_signed_statements_kind"), "signed_statements", type_="check")
        op.create_check_constraint(op.f("ck_signed_statements_kind"), "signed_statements", _KINDS)
        return
    op.rename_table("signed_statements", "signed_statements_before")  # SQLite alters no constraint
    op.create_table(
        "signed_statements",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_signed_statements_number")),
        sa.CheckConstraint(_KINDS, name=op.f("ck_signed_statements_kind")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_signed_statements_consultation")),
        sa.PrimaryKeyConstraint("consultation", "number", name=op.f("pk_signed_statements")),
    )
    op.execute("INSERT INTO signed_statements SELECT * FROM signed_statements_before")
    op.drop_table("signed_statements_before")
