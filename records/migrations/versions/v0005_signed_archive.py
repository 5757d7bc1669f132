"""Manifests and statements that are signed, and what the newest check of them found."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "manifests",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("media", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_manifests_consultation")),
        sa.PrimaryKeyConstraint("consultation", name=op.f("pk_manifests")),
    )
    op.create_table(
        "signed_statements",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_signed_statements_number")),
        sa.CheckConstraint("kind IN ('manifest', 'film', 'package')", name=op.f("ck_signed_statements_kind")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_signed_statements_consultation")),
        sa.PrimaryKeyConstraint("consultation", "number", name=op.f("pk_signed_statements")),
    )
    op.create_table(
        "integrity_checks",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fault", sa.String(length=32), nullable=False),
        sa.Column("file", sa.String(length=300), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_integrity_checks_consultation")),
        sa.PrimaryKeyConstraint("consultation", name=op.f("pk_integrity_checks")),
    )
