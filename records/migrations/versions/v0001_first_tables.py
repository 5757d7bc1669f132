"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_people()
    _create_calendar()
    _create_record()
    _create_documents()
    _create_recordings()
    _create_access_log()


def _create_people() -> None:
    """Departments, patients, accounts and sign-ins."""
    op.create_table(
        "departments",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departments")),
    )
    op.create_table(
        "patients",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sex", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("record_number", sa.String(length=64), nullable=False),
        sa.Column("phone", sa.String(length=40), server_default="", nullable=False),
        sa.CheckConstraint("sex IN ('female', 'male', 'other', 'unknown')", name=op.f("ck_patients_sex")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("record_number", name=op.f("uq_patients_record_number")),
    )
    op.create_index(op.f("ix_patients_name"), "patients", ["name"])
    op.create_table(
        "members",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), server_default="", nullable=False),
        sa.Column("department", sa.String(length=80), nullable=True),
        sa.Column("patient", sa.String(length=80), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("(role = 'patient') = (patient IS NOT NULL)", name=op.f("ck_members_patient_has_record")),
        sa.CheckConstraint(
            "role IN ('patient', 'clinician', 'custodian', 'administrator')", name=op.f("ck_members_role")
        ),
        sa.CheckConstraint("login = lower(login)", name=op.f("ck_members_login_lower")),
        sa.ForeignKeyConstraint(["department"], ["departments.id"], name=op.f("fk_members_department")),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_members_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("login", name=op.f("uq_members_login")),
        sa.UniqueConstraint("patient", name=op.f("uq_members_patient")),
    )
    op.create_table(
        "credentials",
        sa.Column("member", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=400), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name=op.f("fk_credentials_member")),
        sa.PrimaryKeyConstraint("member", name=op.f("pk_credentials")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("member", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_because", sa.String(length=32), nullable=True),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)", name=op.f("ck_sessions_revoked_whole")),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name=op.f("fk_sessions_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])
    op.create_index(op.f("ix_sessions_member"), "sessions", ["member"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session", sa.String(length=80), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session"], ["sessions.id"], name=op.f("fk_refresh_tokens_session"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(op.f("ix_refresh_tokens_session"), "refresh_tokens", ["session"])


def _create_calendar() -> None:
    """Consultations, their links, keys and events."""
    op.create_table(
        "consultations",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("patient", sa.String(length=80), nullable=False),
        sa.Column("clinician", sa.String(length=80), nullable=False),
        sa.Column("department", sa.String(length=80), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("planned_minutes", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'finished') = (finished_at IS NOT NULL)", name=op.f("ck_consultations_finished_has_time")
        ),
        sa.CheckConstraint(
            "status IN ('planned', 'arrived', 'in-progress', 'onhold', 'finished', 'cancelled')",
            name=op.f("ck_consultations_status"),
        ),
        sa.CheckConstraint("planned_minutes BETWEEN 1 AND 480", name=op.f("ck_consultations_planned_minutes")),
        sa.ForeignKeyConstraint(["clinician"], ["members.id"], name=op.f("fk_consultations_clinician")),
        sa.ForeignKeyConstraint(["department"], ["departments.id"], name=op.f("fk_consultations_department")),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_consultations_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultations")),
    )
    op.create_index(op.f("ix_consultations_clinician_scheduled_at"), "consultations", ["clinician", "scheduled_at"])
    op.create_index(op.f("ix_consultations_patient_scheduled_at"), "consultations", ["patient", "scheduled_at"])
    op.create_index(op.f("ix_consultations_scheduled_at"), "consultations", ["scheduled_at"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("relation", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("role IN ('patient', 'guest')", name=op.f("ck_invitations_role")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_invitations_consultation")),
        sa.ForeignKeyConstraint(["created_by"], ["members.id"], name=op.f("fk_invitations_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitations_digest")),
    )
    op.create_index(op.f("ix_invitations_consultation"), "invitations", ["consultation"])
    op.create_table(
        "consultation_keys",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("key_ring_id", sa.String(length=32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_consultation_keys_consultation")),
        sa.PrimaryKeyConstraint("consultation", name=op.f("pk_consultation_keys")),
    )
    op.create_index(op.f("ix_consultation_keys_key_ring_id"), "consultation_keys", ["key_ring_id"])
    op.create_table(
        "room_events",
        sa.Column("room", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("previous", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("seq >= 1 AND coalesce(previous, 0) = seq - 1", name=op.f("ck_room_events_gap_free")),
        sa.ForeignKeyConstraint(
            ["room", "previous"], ["room_events.room", "room_events.seq"], name=op.f("fk_room_events_room_previous")
        ),
        sa.ForeignKeyConstraint(["room"], ["consultations.id"], name=op.f("fk_room_events_room")),
        sa.PrimaryKeyConstraint("room", "seq", name=op.f("pk_room_events")),
        sqlite_with_rowid=False,
    )


def _create_record() -> None:
    """What is known of a patient."""
    op.create_table(
        "conditions",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("patient", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("clinical_status", sa.String(length=32), nullable=False),
        sa.Column("onset", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "clinical_status IN ('active', 'remission', 'resolved')", name=op.f("ck_conditions_clinical_status")
        ),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_conditions_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conditions")),
    )
    op.create_index(op.f("ix_conditions_patient"), "conditions", ["patient"])
    op.create_table(
        "allergies",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("patient", sa.String(length=80), nullable=False),
        sa.Column("substance", sa.Text(), nullable=False),
        sa.Column("reaction", sa.Text(), nullable=False),
        sa.Column("criticality", sa.String(length=32), nullable=False),
        sa.Column("recorded", sa.Date(), nullable=True),
        sa.CheckConstraint("criticality IN ('low', 'high', 'unable-to-assess')", name=op.f("ck_allergies_criticality")),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_allergies_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allergies")),
    )
    op.create_index(op.f("ix_allergies_patient"), "allergies", ["patient"])
    op.create_table(
        "medications",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("patient", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("dosage", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.CheckConstraint("status IN ('active', 'completed', 'stopped')", name=op.f("ck_medications_status")),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_medications_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_medications")),
    )
    op.create_index(op.f("ix_medications_patient"), "medications", ["patient"])
    op.create_table(
        "observations",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("patient", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_observations_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observations")),
    )
    op.create_index(op.f("ix_observations_patient_at"), "observations", ["patient", "at"])


def _create_documents() -> None:
    """Notes and files of a consultation."""
    op.create_table(
        "notes",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("signed_by", sa.String(length=80), nullable=True),
        sa.Column("signed_by_name", sa.String(length=200), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(signed_by IS NULL) = (signed_at IS NULL) AND (signed_by IS NULL) = (signed_by_name IS NULL)",
            name=op.f("ck_notes_signed_whole"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_notes_version")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_notes_consultation")),
        sa.ForeignKeyConstraint(["signed_by"], ["members.id"], name=op.f("fk_notes_signed_by")),
        sa.PrimaryKeyConstraint("consultation", name=op.f("pk_notes")),
    )
    op.create_table(
        "note_addenda",
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("author_name", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_note_addenda_position")),
        sa.ForeignKeyConstraint(["author"], ["members.id"], name=op.f("fk_note_addenda_author")),
        sa.ForeignKeyConstraint(["consultation"], ["notes.consultation"], name=op.f("fk_note_addenda_consultation")),
        sa.PrimaryKeyConstraint("consultation", "position", name=op.f("pk_note_addenda")),
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("uploader", sa.String(length=80), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("NOT complete OR sha256 <> ''", name=op.f("ck_attachments_complete_has_hash")),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_attachments_size_bytes")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_attachments_consultation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("blob", name=op.f("uq_attachments_blob")),
    )
    op.create_index(op.f("ix_attachments_complete"), "attachments", ["complete"])
    op.create_index(op.f("ix_attachments_consultation"), "attachments", ["consultation"])


def _create_recordings() -> None:
    """Recordings and their segments."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("size_bytes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sha256", sa.String(length=64), server_default="", nullable=False),
        sa.Column("blob", sa.String(length=300), server_default="", nullable=False),
        sa.Column("progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failure", sa.String(length=400), server_default="", nullable=False),
        sa.CheckConstraint(
            "state <> 'ready' OR (blob <> '' AND sha256 <> '')", name=op.f("ck_recordings_ready_has_file")
        ),
        sa.CheckConstraint("state IN ('recording', 'composing', 'ready', 'failed')", name=op.f("ck_recordings_state")),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_recordings_progress")),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_recordings_consultation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recordings")),
        sa.UniqueConstraint("consultation", name=op.f("uq_recordings_consultation")),
    )
    op.create_index(op.f("ix_recordings_state"), "recordings", ["state"])
    op.create_table(
        "segments",
        sa.Column("recording", sa.String(length=80), nullable=False),
        sa.Column("participant", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("codec", sa.String(length=16), nullable=False),
        sa.Column("container", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=300), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("gaps", sa.JSON(), nullable=False),
        sa.CheckConstraint("NOT closed OR sha256 <> ''", name=op.f("ck_segments_closed_has_hash")),
        sa.CheckConstraint("source IN ('microphone', 'camera', 'screen')", name=op.f("ck_segments_source")),
        sa.ForeignKeyConstraint(["recording"], ["recordings.id"], name=op.f("fk_segments_recording")),
        sa.PrimaryKeyConstraint("recording", "participant", "source", "index", name=op.f("pk_segments")),
        sa.UniqueConstraint("blob", name=op.f("uq_segments_blob")),
    )


def _create_access_log() -> None:
    """Who did what."""
    op.create_table(
        "audit_entries",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=80), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.String(length=400), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("outcome IN ('allowed', 'refused')", name=op.f("ck_audit_entries_outcome")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_entries_seq")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_object_id_seq"), "audit_entries", ["object_id", "seq"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
