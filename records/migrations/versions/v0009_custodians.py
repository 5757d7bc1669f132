"""Custodians' keys, recordings in their custody, and releases."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "custodian_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(length=80), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retire_asked_by", sa.String(length=80), nullable=True),
        sa.Column("retire_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_by", sa.String(length=80), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'in_force', 'retire_asked', 'retired')", name=op.f("ck_custodian_keys_state")
        ),
        sa.CheckConstraint(
            "(state = 'retired') = (retired_at IS NOT NULL)", name=op.f("ck_custodian_keys_retired_has_time")
        ),
        sa.ForeignKeyConstraint(["owner"], ["members.id"], name=op.f("fk_custodian_keys_owner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custodian_keys")),
    )
    op.create_index(op.f("ix_custodian_keys_state"), "custodian_keys", ["state"])
    op.create_table(
        "custody_parts",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("custodian_key", sa.String(length=64), nullable=False),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_custody_parts_consultation")),
        sa.ForeignKeyConstraint(["custodian_key"], ["custodian_keys.id"], name=op.f("fk_custody_parts_custodian_key")),
        sa.PrimaryKeyConstraint("consultation", "custodian_key", name=op.f("pk_custody_parts")),
    )
    op.create_index(op.f("ix_custody_parts_custodian_key"), "custody_parts", ["custodian_key"])
    op.create_table(
        "retired_shares",
        sa.Column("share", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("share", name=op.f("pk_retired_shares")),
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_reason", sa.String(length=300), nullable=False),
        sa.CheckConstraint("state IN ('asked', 'granted', 'declined', 'withdrawn')", name=op.f("ck_releases_state")),
        sa.CheckConstraint("state <> 'granted' OR granted_at IS NOT NULL", name=op.f("ck_releases_granted_has_time")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_releases_consultation")),
        sa.ForeignKeyConstraint(["asked_by"], ["members.id"], name=op.f("fk_releases_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
    )
    op.create_index(op.f("ix_releases_consultation_asked_at"), "releases", ["consultation", "asked_at"])
    op.create_index(op.f("ix_releases_state_asked_at"), "releases", ["state", "asked_at"])
    op.create_table(
        "release_parts",
        sa.Column("release", sa.String(length=80), nullable=False),
        sa.Column("custodian_key", sa.String(length=64), nullable=False),
        sa.Column("given_by", sa.String(length=80), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.id"], name=op.f("fk_release_parts_release")),
        sa.ForeignKeyConstraint(["custodian_key"], ["custodian_keys.id"], name=op.f("fk_release_parts_custodian_key")),
        sa.PrimaryKeyConstraint("release", "custodian_key", name=op.f("pk_release_parts")),
    )
