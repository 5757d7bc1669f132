"""Every table, with the domain's promises repeated as constraints.

Only `records/` sees rows. Words that a patient or doctor wrote are in columns named `sealed`: AES-256-GCM under the
consultation's own data key (see `sealing`). Times are UTC; ids are the domain's own strings.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

from care.consultation import Status
from care.custodian_key import CustodianKeyState
from care.destruction import DestructionState, Outcome
from care.hold import HoldState
from care.people import Sex
from care.recording import RecordingState
from care.release import ReleaseState
from care.retention import RetentionClass
from identity.principal import Role
from rooms.events import Source


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, also where the database itself forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; store UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return it aware."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


_LONG = BigInteger().with_variant(Integer, "sqlite")  # 64 bits; SQLite's integers are that long


def _id(name: str, **options: Any) -> Column[str]:
    return Column(name, String(80), **options)


def _one_of(column: str, words: type[StrEnum] | tuple[str, ...]) -> CheckConstraint:
    """Constrain a column to an enum's values."""
    values = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({values})", name=column)


# People ---------------------------------------------------------------------------------------------------------------

departments = Table(
    "departments",
    metadata,
    _id("id", primary_key=True),
    Column("name_en", String(200), nullable=False),
    Column("name_zh", String(200), nullable=False),
)

patients = Table(
    "patients",
    metadata,
    _id("id", primary_key=True),
    Column("name", String(200), nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("sex", String(16), nullable=False),
    Column("language", String(16), nullable=False),
    Column("record_number", String(64), nullable=False),
    Column("phone", String(40), nullable=False, server_default=""),
    UniqueConstraint("record_number"),
    _one_of("sex", Sex),
    Index(None, "name"),
)

members = Table(
    "members",
    metadata,
    _id("id", primary_key=True),
    Column("login", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("language", String(16), nullable=False),
    Column("title", String(200), nullable=False, server_default=""),
    _id("department", nullable=True),
    _id("patient", nullable=True),
    Column("active", Boolean, nullable=False),
    UniqueConstraint("login"),
    UniqueConstraint("patient"),
    ForeignKeyConstraint(["department"], ["departments.id"]),
    ForeignKeyConstraint(["patient"], ["patients.id"]),
    _one_of("role", tuple(role for role in Role if role is not Role.GUEST)),
    CheckConstraint("login = lower(login)", name="login_lower"),
    CheckConstraint("(role = 'patient') = (patient IS NOT NULL)", name="patient_has_record"),
)

credentials = Table(
    "credentials",
    metadata,
    _id("member", primary_key=True),
    Column("password_hash", String(400), nullable=False),
    Column("changed_at", Instant, nullable=False),
    ForeignKeyConstraint(["member"], ["members.id"]),
)

sessions = Table(  # one sign-in: a family of refresh tokens
    "sessions",
    metadata,
    _id("id", primary_key=True),
    _id("member", nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
    Column("revoked_because", String(32), nullable=True),
    ForeignKeyConstraint(["member"], ["members.id"]),
    CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)", name="revoked_whole"),
    Index(None, "member"),
    Index(None, "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256; the token itself is never stored
    _id("session", nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=True),
    ForeignKeyConstraint(["session"], ["sessions.id"], ondelete="CASCADE"),
    Index(None, "session"),
)

# Consultations --------------------------------------------------------------------------------------------------------

consultations = Table(
    "consultations",
    metadata,
    _id("id", primary_key=True),
    _id("patient", nullable=False),
    _id("clinician", nullable=False),
    _id("department", nullable=False),
    Column("scheduled_at", Instant, nullable=False),
    Column("planned_minutes", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at", Instant, nullable=True),
    Column("finished_at", Instant, nullable=True),
    ForeignKeyConstraint(["patient"], ["patients.id"]),
    ForeignKeyConstraint(["clinician"], ["members.id"]),
    ForeignKeyConstraint(["department"], ["departments.id"]),
    _one_of("status", Status),
    CheckConstraint("planned_minutes BETWEEN 1 AND 480", name="planned_minutes"),
    CheckConstraint("(status = 'finished') = (finished_at IS NOT NULL)", name="finished_has_time"),
    Index(None, "clinician", "scheduled_at"),
    Index(None, "patient", "scheduled_at"),
    Index(None, "scheduled_at"),
)

archive_words = Table(  # what a search of the archive looks through; see records/archive_words.py
    "archive_words",
    metadata,
    Column("place", _LONG, primary_key=True, autoincrement=False),  # by time
    _id("consultation", nullable=False),
    Column("words", Text, nullable=False),
    UniqueConstraint("consultation"),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
)

invitations = Table(
    "invitations",
    metadata,
    _id("id", primary_key=True),
    _id("consultation", nullable=False),
    Column("role", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("relation", String(32), nullable=False),
    Column("language", String(16), nullable=False),
    _id("created_by", nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
    Column("digest", LargeBinary(32), nullable=False),  # SHA-256 of the link's secret
    UniqueConstraint("digest"),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    ForeignKeyConstraint(["created_by"], ["members.id"]),
    _one_of("role", (Role.PATIENT, Role.GUEST)),
    Index(None, "consultation"),
)

data_keys = Table(
    "data_keys",
    metadata,
    _id("consultation", primary_key=True),
    Column("purpose", String(16), primary_key=True),  # "record" or "media"
    Column("key_ring_id", String(32), nullable=False),  # which key-encryption key wraps it
    Column("share", String(64), nullable=True),  # which share does, too; none from before there were any
    Column("wrapped", LargeBinary, nullable=False),  # empty: destroyed
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    _one_of("purpose", ("record", "media")),
    Index(None, "key_ring_id"),
)

custody_parts = Table(  # of the secret that wraps a recording's key once it is in custody, sealed to custodians
    "custody_parts",
    metadata,
    _id("consultation", primary_key=True),
    Column("custodian_key", String(64), primary_key=True),
    Column("quorum", Integer, nullable=False),  # how many parts it takes
    Column("sealed", LargeBinary, nullable=False),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    ForeignKeyConstraint(["custodian_key"], ["custodian_keys.id"]),
    Index(None, "custodian_key"),
)

retired_shares = Table(  # of keys that were wrapped anew, until they are destroyed
    "retired_shares",
    metadata,
    Column("share", String(64), primary_key=True),
)

room_events = Table(
    "room_events",
    metadata,
    _id("room", primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("previous", Integer, nullable=True),  # seq - 1, which must exist: no gap can be stored
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    ForeignKeyConstraint(["room"], ["consultations.id"]),
    ForeignKeyConstraint(["room", "previous"], ["room_events.room", "room_events.seq"]),
    CheckConstraint("seq >= 1 AND coalesce(previous, 0) = seq - 1", name="gap_free"),
    sqlite_with_rowid=False,
)

# The medical record ---------------------------------------------------------------------------------------------------

conditions = Table(
    "conditions",
    metadata,
    _id("id", primary_key=True),
    _id("patient", nullable=False),
    Column("text", Text, nullable=False),
    Column("code", String(32), nullable=False),
    Column("clinical_status", String(32), nullable=False),
    Column("onset", Date, nullable=True),
    Column("note", Text, nullable=False),
    ForeignKeyConstraint(["patient"], ["patients.id"]),
    _one_of("clinical_status", ("active", "remission", "resolved")),
    Index(None, "patient"),
)

allergies = Table(
    "allergies",
    metadata,
    _id("id", primary_key=True),
    _id("patient", nullable=False),
    Column("substance", Text, nullable=False),
    Column("reaction", Text, nullable=False),
    Column("criticality", String(32), nullable=False),
    Column("recorded", Date, nullable=True),
    ForeignKeyConstraint(["patient"], ["patients.id"]),
    _one_of("criticality", ("low", "high", "unable-to-assess")),
    Index(None, "patient"),
)

medications = Table(
    "medications",
    metadata,
    _id("id", primary_key=True),
    _id("patient", nullable=False),
    Column("text", Text, nullable=False),
    Column("dosage", Text, nullable=False),
    Column("status", String(32), nullable=False),
    Column("since", Date, nullable=True),
    Column("until", Date, nullable=True),
    ForeignKeyConstraint(["patient"], ["patients.id"]),
    _one_of("status", ("active", "completed", "stopped")),
    Index(None, "patient"),
)

observations = Table(
    "observations",
    metadata,
    _id("id", primary_key=True),
    _id("patient", nullable=False),
    Column("code", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("unit", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("low", Float, nullable=True),
    Column("high", Float, nullable=True),
    ForeignKeyConstraint(["patient"], ["patients.id"]),
    Index(None, "patient", "at"),
)

notes = Table(
    "notes",
    metadata,
    _id("consultation", primary_key=True),
    Column("version", Integer, nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # subjective, objective, assessment, plan
    _id("signed_by", nullable=True),
    Column("signed_by_name", String(200), nullable=True),
    Column("signed_at", Instant, nullable=True),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    ForeignKeyConstraint(["signed_by"], ["members.id"]),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint(
        "(signed_by IS NULL) = (signed_at IS NULL) AND (signed_by IS NULL) = (signed_by_name IS NULL)",
        name="signed_whole",
    ),
)

note_addenda = Table(
    "note_addenda",
    metadata,
    _id("consultation", primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # 1, 2, …
    _id("author", nullable=False),
    Column("author_name", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    ForeignKeyConstraint(["consultation"], ["notes.consultation"]),
    ForeignKeyConstraint(["author"], ["members.id"]),
    CheckConstraint("position >= 1", name="position"),
)

attachments = Table(
    "attachments",
    metadata,
    _id("id", primary_key=True),
    _id("consultation", nullable=False),
    _id("uploader", nullable=False),  # a ParticipantId: may be a guest, who has no row of their own
    Column("content_type", String(100), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("blob", String(300), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("complete", Boolean, nullable=False),  # False while it is uploaded, and after a crash in the middle of that
    Column("sealed", LargeBinary, nullable=False),  # the file's name
    UniqueConstraint("blob"),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    CheckConstraint("size_bytes >= 0", name="size_bytes"),
    CheckConstraint("NOT complete OR sha256 <> ''", name="complete_has_hash"),
    Index(None, "consultation"),
    Index(None, "complete"),
)

# Recordings -----------------------------------------------------------------------------------------------------------

recordings = Table(
    "recordings",
    metadata,
    _id("id", primary_key=True),
    _id("consultation", nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("stopped_at", Instant, nullable=True),
    Column("duration_ms", Integer, nullable=False, server_default="0"),
    Column("size_bytes", _LONG, nullable=False, server_default="0"),
    Column("sha256", String(64), nullable=False, server_default=""),
    Column("blob", String(300), nullable=False, server_default=""),
    Column("progress", Integer, nullable=False, server_default="0"),
    Column("failure", String(400), nullable=False, server_default=""),
    Column("speech", JSON, nullable=False, server_default="[]"),  # [participant, from, to] in milliseconds of the film
    UniqueConstraint("consultation"),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    _one_of("state", RecordingState),
    CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    CheckConstraint("state <> 'ready' OR (blob <> '' AND sha256 <> '')", name="ready_has_file"),
    Index(None, "state"),
)

segments = Table(
    "segments",
    metadata,
    _id("recording", primary_key=True),
    _id("participant", primary_key=True),
    Column("source", String(16), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("codec", String(16), nullable=False),
    Column("container", String(32), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("blob", String(300), nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("gaps", JSON, nullable=False),  # [{offset_ms, duration_ms, reason}]
    Column("previous_sha256", String(64), nullable=False, server_default=""),  # of the track's segment before this one
    Column("interrupted", Boolean, nullable=False, server_default=false()),  # nobody lived to close it
    UniqueConstraint("blob"),
    ForeignKeyConstraint(["recording"], ["recordings.id"]),
    _one_of("source", Source),
    CheckConstraint("NOT closed OR sha256 <> ''", name="closed_has_hash"),
)

deliveries = Table(  # where each closed segment and each film is
    "deliveries",
    metadata,
    Column("blob", String(300), primary_key=True),
    _id("consultation", nullable=False),
    Column("place", String(16), nullable=False),  # in the spool on this disk, in the object store, or both
    Column("sealed_bytes", _LONG, nullable=False, server_default="0"),  # of the encrypted file, known once delivered
    Column("sealed_sha256", String(64), nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retry_at", Instant, nullable=True),
    Column("failure", String(64), nullable=False, server_default=""),
    Column("delivered_at", Instant, nullable=True),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    _one_of("place", ("spool", "both", "store")),
    CheckConstraint("place = 'spool' OR sealed_sha256 <> ''", name="delivered_has_hash"),
    Index(None, "place", "retry_at"),
    Index(None, "consultation"),
)

# How the connections were ---------------------------------------------------------------------------------------------

quality_minutes = Table(  # no words in it, so nothing is sealed
    "quality_minutes",
    metadata,
    _id("consultation", primary_key=True),
    Column("started_at", Instant, primary_key=True),  # of the first measurement, so a restart makes a second row
    _id("participant", primary_key=True),
    Column("score", Integer, nullable=False),
    Column("round_trip_ms", Integer, nullable=True),
    Column("loss_percent", Float, nullable=False),
    Column("jitter_ms", Float, nullable=False),
    Column("bitrate_up_kbps", Integer, nullable=False),
    Column("bitrate_down_kbps", Integer, nullable=False),
    Column("talk_ms", Integer, nullable=False),
    Column("freeze_ms", Integer, nullable=False),
    Column("concealed_ms", Integer, nullable=False),
    Column("frames_per_second", Float, nullable=True),
    Column("picture_height", Integer, nullable=True),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    CheckConstraint("score BETWEEN 1 AND 5", name="score"),
)


# What is signed -------------------------------------------------------------------------------------------------------

manifests = Table(
    "manifests",
    metadata,
    _id("consultation", primary_key=True),
    Column("media", LargeBinary, nullable=False),  # canonical JSON in clear: files are checked without a key
    Column("sealed", LargeBinary, nullable=False),  # people, consents, messages, events
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
)

signed_statements = Table(
    "signed_statements",
    metadata,
    _id("consultation", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, …
    Column("kind", String(16), nullable=False),
    Column("text", LargeBinary, nullable=False),  # canonical JSON: exactly what was signed
    Column("signature", LargeBinary(64), nullable=False),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    CheckConstraint("number >= 1", name="number"),
    _one_of("kind", ("manifest", "film", "package", "destruction", "erasure")),
)

integrity_checks = Table(  # the newest of each consultation; all of them are in the access log
    "integrity_checks",
    metadata,
    _id("consultation", primary_key=True),
    Column("at", Instant, nullable=False),
    Column("fault", String(32), nullable=False),  # "": none
    Column("file", String(300), nullable=False),  # in which the fault is
    Column("segments", Integer, nullable=False),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
)

holds = Table(  # legal holds, open and ended
    "holds",
    metadata,
    _id("id", primary_key=True),
    _id("consultation", nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(300), nullable=False),
    _id("asked_by", nullable=False),
    Column("asked_at", Instant, nullable=False),
    _id("set_by", nullable=True),
    Column("set_at", Instant, nullable=True),
    Column("lift_reason", String(300), nullable=False),
    _id("lift_asked_by", nullable=True),
    Column("lift_asked_at", Instant, nullable=True),
    _id("ended_by", nullable=True),
    Column("ended_at", Instant, nullable=True),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    _one_of("state", HoldState),
    CheckConstraint("(state IN ('lifted', 'withdrawn')) = (ended_at IS NOT NULL)", name="ended_has_time"),
    Index(None, "consultation", "asked_at"),
    Index(None, "state"),
)

destructions = Table(  # proposals to destroy what is due
    "destructions",
    metadata,
    _id("id", primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("due_at", Instant, nullable=False),
    _id("proposed_by", nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    _id("confirmed_by", nullable=True),
    Column("confirmed_at", Instant, nullable=True),
    _id("ended_by", nullable=True),
    Column("ended_at", Instant, nullable=True),
    Column("decline_reason", String(300), nullable=False),
    ForeignKeyConstraint(["proposed_by"], ["members.id"]),
    _one_of("kind", RetentionClass),
    _one_of("state", DestructionState),
    CheckConstraint("(state IN ('done', 'declined')) = (ended_at IS NOT NULL)", name="ended_has_time"),
    Index(None, "proposed_at"),
)

destruction_items = Table(
    "destruction_items",
    metadata,
    _id("destruction", primary_key=True),
    _id("consultation", primary_key=True),
    Column("outcome", String(16), nullable=False),
    ForeignKeyConstraint(["destruction"], ["destructions.id"]),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    _one_of("outcome", Outcome),
)

# Custodians' keys -----------------------------------------------------------------------------------------------------

custodian_keys = Table(  # public halves; the private ones are in files that custodians keep
    "custodian_keys",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the public key
    _id("owner", nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("proposed_at", Instant, nullable=False),
    _id("confirmed_by", nullable=True),
    Column("confirmed_at", Instant, nullable=True),
    _id("retire_asked_by", nullable=True),
    Column("retire_asked_at", Instant, nullable=True),
    _id("retired_by", nullable=True),
    Column("retired_at", Instant, nullable=True),
    ForeignKeyConstraint(["owner"], ["members.id"]),
    _one_of("state", CustodianKeyState),
    CheckConstraint("(state = 'retired') = (retired_at IS NOT NULL)", name="retired_has_time"),
    Index(None, "state"),
)

releases = Table(  # somebody asks custodians to open a recording for them
    "releases",
    metadata,
    _id("id", primary_key=True),
    _id("consultation", nullable=False),
    _id("asked_by", nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("reason", String(300), nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),  # of the browser that asks
    Column("quorum", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("granted_at", Instant, nullable=True),
    _id("ended_by", nullable=True),
    Column("ended_at", Instant, nullable=True),
    Column("decline_reason", String(300), nullable=False),
    ForeignKeyConstraint(["consultation"], ["consultations.id"]),
    ForeignKeyConstraint(["asked_by"], ["members.id"]),
    _one_of("state", ReleaseState),
    CheckConstraint("state <> 'granted' OR granted_at IS NOT NULL", name="granted_has_time"),
    Index(None, "consultation", "asked_at"),
    Index(None, "state", "asked_at"),
)

release_parts = Table(  # what custodians gave: their parts, sealed to the browser that asked
    "release_parts",
    metadata,
    _id("release", primary_key=True),
    Column("custodian_key", String(64), primary_key=True),
    _id("given_by", nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    ForeignKeyConstraint(["release"], ["releases.id"]),
    ForeignKeyConstraint(["custodian_key"], ["custodian_keys.id"]),
)

# Who did what ---------------------------------------------------------------------------------------------------------

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    _id("actor", nullable=False),
    Column("role", String(32), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object_type", String(32), nullable=False),
    _id("object_id", nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", String(400), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),  # SHA-256 over the previous entry's hash and this entry
    CheckConstraint("seq >= 1", name="seq"),
    _one_of("outcome", ("allowed", "refused")),
    Index(None, "object_id", "seq"),
)

audit_head = Table(  # one row: where the chain ends, so that a cut tail is found and writers take turns
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
