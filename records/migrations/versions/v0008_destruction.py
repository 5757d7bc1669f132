"""Statements that something was destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_KINDS = "kind IN ('manifest', 'film', 'package', 'destruction')"


def upgrade() -> None:
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
