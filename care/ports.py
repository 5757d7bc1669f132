"""What the clinical side needs from the outside. Repositories never commit: the unit of work does.

A getter that names one object raises `kernel.errors.NotFound` when it is absent. `save` replaces what is stored
under the same id; `add` raises `kernel.errors.Conflict` where a promise of uniqueness would break.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from care.attachment import StoredFile
from care.consultation import Consultation
from care.custodian_key import CustodianKey
from care.destruction import Destruction, DestructionCounts, DestructionItem
from care.history import HistoryEntry, PatientHistory
from care.hold import Hold, HoldState
from care.integrity import Check, Fault, Integrity, Verdict
from care.invitation import Invitation
from care.note import Addendum, VisitNote
from care.people import Department, Member, Patient
from care.recording import Recording, Segment
from care.release import CustodyPart, EntrustedKey, GivenPart, Release
from care.retention import DuePlace, DueVisit, RetentionClass
from care.summary import ConsultationSummary
from identity.audit import AuditTrail, Outcome
from identity.ports import SessionRepository
from kernel.ids import (
    AttachmentId,
    ConsultationId,
    CustodianKeyId,
    DepartmentId,
    DestructionId,
    InvitationId,
    PatientId,
    RecordingId,
    ReleaseId,
    UserId,
)
from rooms.quality_minutes import QualityMinute

# People ---------------------------------------------------------------------------------------------------------------


class PeopleRepository(Protocol):
    """Departments, accounts and patients. Implemented by `records/people.py`."""

    async def department(self, department: DepartmentId) -> Department: ...

    async def departments(self) -> list[Department]:
        """Return all, by English name."""

    async def add_department(self, department: Department) -> None: ...

    async def member(self, member: UserId) -> Member: ...

    async def members(self) -> list[Member]:
        """Return all, inactive ones too, by name."""

    async def add_member(self, member: Member) -> None: ...

    async def save_member(self, member: Member) -> None: ...

    async def patient(self, patient: PatientId) -> Patient: ...

    async def patient_by_record_number(self, record_number: str) -> Patient: ...

    async def patients(self, *, q: str = "", treated_by: UserId | None = None, limit: int = 50) -> list[Patient]:
        """Return patients whose name or record number contains `q`, by name; with `treated_by` only that
        clinician's own (somebody they have or had a consultation with).
        """

    async def add_patient(self, patient: Patient) -> None: ...


# Consultations --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConsultationFilter:
    """Which consultations a list shows; None means any."""

    clinician: UserId | None = None
    patient: PatientId | None = None
    since: datetime | None = None  # scheduled at or after
    until: datetime | None = None  # scheduled before


class ConsultationRepository(Protocol):
    """Implemented by `records/consultations.py`."""

    async def get(self, consultation: ConsultationId) -> Consultation: ...

    async def many(self, consultations: Collection[ConsultationId]) -> list[Consultation]:
        """Return those that exist, in no particular order."""

    async def add(self, consultation: Consultation) -> None: ...

    async def save(self, consultation: Consultation) -> None: ...

    async def find(self, which: ConsultationFilter, *, limit: int, newest_first: bool = False) -> list[Consultation]:
        """Return matching consultations by time of schedule."""

    async def summary(self, consultation: ConsultationId) -> ConsultationSummary: ...

    async def summaries(
        self, which: ConsultationFilter, *, limit: int, newest_first: bool = False
    ) -> list[ConsultationSummary]:
        """As `find`, with names, note and recording; one query however many there are."""

    async def treats(self, clinician: UserId, patient: PatientId) -> bool:
        """Whether the two have or had a consultation that was not cancelled."""


class InvitationRepository(Protocol):
    """Implemented by `records/invitations.py`."""

    async def get(self, invitation: InvitationId) -> Invitation: ...

    async def of(self, consultation: ConsultationId) -> list[Invitation]:
        """Return the consultation's links, oldest first."""

    async def add(self, invitation: Invitation, *, digest: bytes) -> None:
        """Store a link with the SHA-256 digest of its secret."""

    async def save(self, invitation: Invitation) -> None: ...


# The medical record ---------------------------------------------------------------------------------------------------


class HistoryRepository(Protocol):
    """Problems, allergies, medications and measurements. Implemented by `records/histories.py`."""

    async def of(self, patient: PatientId) -> PatientHistory:
        """Return everything known, newest first, the allergies of high criticality before the others; of the
        measurements the newest 2000, oldest first.
        """

    async def add(self, patient: PatientId, entries: Sequence[HistoryEntry]) -> None:
        """Store new entries of any kind."""


class NoteRepository(Protocol):
    """Visit notes, sealed. Implemented by `records/notes.py`."""

    async def of(self, consultation: ConsultationId) -> VisitNote:
        """Return the note; one with version 0 and no words when none was saved yet."""

    async def many(self, consultations: Collection[ConsultationId]) -> dict[ConsultationId, VisitNote]:
        """Return the notes of those consultations that have one."""

    async def save(self, note: VisitNote, *, previous: int) -> None:
        """Store the note over its version `previous`; `kernel.errors.Conflict` when that is not what is stored, or
        when what is stored is signed already. Addenda are stored by `add_addendum` alone.
        """

    async def add_addendum(self, consultation: ConsultationId, position: int, addendum: Addendum) -> None:
        """Store the addendum as the `position`-th (from 1) of a signed note."""


class AttachmentRepository(Protocol):
    """What is known of the files sent within consultations. Implemented by `records/attachments.py`."""

    async def add(self, file: StoredFile) -> None:
        """Announce a file whose content is about to be written; it is pending, and not found by others yet."""

    async def complete(self, file: StoredFile) -> None:
        """Store what is known now that the content is whole and durable."""

    async def remove(self, attachment: AttachmentId) -> None:
        """Forget a pending file."""

    async def get(self, consultation: ConsultationId, attachment: AttachmentId) -> StoredFile: ...

    async def many(self, consultation: ConsultationId, attachments: Collection[AttachmentId]) -> list[StoredFile]:
        """Return those that exist in this consultation and are complete, in no particular order."""

    async def usage(self, consultation: ConsultationId) -> tuple[int, int]:
        """Return how many complete files there are, and how many bytes they have together."""

    async def pending(self) -> list[tuple[AttachmentId, str]]:
        """Return id and blob of every file that was announced and never completed."""


class BlobFile(Protocol):
    """The content of one file while it is being written."""

    async def write(self, chunk: bytes) -> None:
        """Append; raises OSError when storage fails."""

    async def close(self) -> str:
        """Complete the content and return its SHA-256 in hex; durable on return."""

    async def discard(self) -> None:
        """Remove everything written; nothing happens after `close` or a first `discard`."""


class AttachmentBlobs(Protocol):
    """The encrypted contents of files, under their consultation's key. Implemented by `records/attachment_blobs.py`."""

    async def create(self, consultation: ConsultationId, blob: str) -> BlobFile:
        """Begin a new content. Not within a unit of work."""

    def read(self, consultation: ConsultationId, blob: str) -> AsyncGenerator[bytes, None]:
        """Yield the content in chunks, each verified before it is given out."""

    async def delete(self, blob: str) -> None:
        """Remove a content, or do nothing when there is none."""


# The archive ----------------------------------------------------------------------------------------------------------


class Kept(StrEnum):
    """What is kept of a visit's recording."""

    RECORDING = "recording"  # it goes on
    COMPOSING = "composing"
    READY = "ready"
    FAILED = "failed"  # its segments only
    DESTROYED = "destroyed"
    NONE = "none"  # nothing was recorded


@dataclass(frozen=True, slots=True)
class ArchiveFilter:
    """Which visits an archive search shows; None means any. Every word must be the beginning of one in the names,
    numbers, department or reason of the visit; Chinese is found within a name or sentence too.
    """

    patient: PatientId | None = None
    clinician: UserId | None = None
    department: DepartmentId | None = None
    kept: Kept | None = None
    is_held: bool = False  # under a legal hold, or with one asked for
    awaits: UserId | None = None  # with a hold, or its lifting, that this custodian can confirm
    longer_than: timedelta | None = None  # with a composed recording of at least this length
    since: datetime | None = None  # scheduled at or after
    until: datetime | None = None  # scheduled before
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One visit in a list of the archive. `hold` is where its open legal hold stands, None without one."""

    consultation: ConsultationSummary
    recording: Recording | None
    is_destroyed: bool = False  # the recording, because its time was over
    hold: HoldState | None = None


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """Where a page of the archive ended."""

    scheduled_at: datetime
    consultation: ConsultationId


class ArchiveRepository(Protocol):
    """Visits that took place, for those who look for them later. Implemented by `records/archive.py`."""

    async def search(self, which: ArchiveFilter, *, after: ArchivePlace | None, limit: int) -> list[ArchiveEntry]:
        """Return at most `limit` visits that began or were finished, newest first, from behind `after` on."""


# Recordings -----------------------------------------------------------------------------------------------------------


class RecordingRepository(Protocol):
    """One recording for each consultation, and its segments. Implemented by `records/recordings.py`.

    The event log adds the recording with its first start; the recorder adds the segments.
    """

    async def of(self, consultation: ConsultationId) -> Recording | None: ...

    async def save(self, recording: Recording) -> None: ...

    async def segments(self, recording: RecordingId) -> list[Segment]:
        """Return all, by time of beginning."""

    async def uncomposed(self) -> list[ConsultationId]:
        """Return finished visits whose recording is neither composed nor failed, oldest first."""


class QualityRepository(Protocol):
    """How good everybody's connection was, minute by minute. Implemented by `records/quality.py`."""

    async def add(self, minutes: Sequence[tuple[ConsultationId, QualityMinute]]) -> None:
        """Store minutes of any consultations."""

    async def of(self, consultation: ConsultationId, *, limit: int) -> list[QualityMinute]:
        """Return the first `limit` minutes, by time."""


class HoldRepository(Protocol):
    """Legal holds. Implemented by `records/holds.py`."""

    async def of(self, consultation: ConsultationId, *, limit: int) -> list[Hold]:
        """Return a visit's holds, newest first."""

    async def awaiting(self, custodian: UserId) -> int:
        """Return how many requests, to hold or to lift, of other custodians wait for a second person."""

    async def add(self, hold: Hold) -> None: ...

    async def save(self, hold: Hold) -> None: ...


class DestructionRepository(Protocol):
    """Proposals to destroy what is due. Implemented by `records/destructions.py`."""

    async def get(self, destruction: DestructionId) -> Destruction: ...

    async def newest(self, *, limit: int) -> list[Destruction]:
        """Return proposals, newest first."""

    async def add(self, destruction: Destruction, visits: Sequence[ConsultationId]) -> None: ...

    async def save(self, destruction: Destruction) -> None: ...

    async def items(self, destruction: DestructionId) -> list[DestructionItem]:
        """Return the visits of a proposal, the one that ended first first."""

    async def counts(self, destruction: DestructionId) -> DestructionCounts: ...


class CustodianKeyRepository(Protocol):
    """Custodians' public keys. Implemented by `records/custodian_keys.py`."""

    async def all(self) -> list[CustodianKey]:
        """Return every key, the one proposed first first."""

    async def receiving(self) -> list[CustodianKey]:
        """Return those that what is recorded now is sealed to."""

    async def get(self, key: CustodianKeyId) -> CustodianKey: ...

    async def add(self, key: CustodianKey) -> None: ...

    async def save(self, key: CustodianKey) -> None: ...

    async def remove(self, key: CustodianKeyId) -> None: ...


class CustodyRepository(Protocol):
    """Which recordings are in custody, and what opens them. Implemented by `records/custody.py`."""

    async def quorum_of(self, consultation: ConsultationId) -> int | None:
        """Return how many custodians it takes to open a recording; None when it is not in custody."""

    async def holders(self, consultation: ConsultationId) -> list[UserId]:
        """Return who holds a part of what opens it."""

    async def part_for(self, consultation: ConsultationId, custodian: UserId) -> CustodyPart | None:
        """Return a custodian's part; None when they have none."""

    async def entrusted_key(self, consultation: ConsultationId) -> EntrustedKey:
        """Return a recording's key, as the server has it."""


class ReleaseRepository(Protocol):
    """Requests to open recordings that are in custody. Implemented by `records/releases.py`."""

    async def get(self, release: ReleaseId) -> Release: ...

    async def of(self, consultation: ConsultationId, *, asked_by: UserId | None, limit: int) -> list[Release]:
        """Return a visit's releases, newest first; with `asked_by` only that person's."""

    async def waiting_for(self, custodian: UserId, *, at: datetime, limit: int) -> list[Release]:
        """Return the requests to which a custodian could give a part and has not, oldest first."""

    async def add(self, release: Release) -> None: ...

    async def save(self, release: Release) -> None: ...

    async def add_part(self, release: ReleaseId, part: GivenPart) -> None: ...

    async def parts(self, release: ReleaseId) -> list[GivenPart]:
        """Return what custodians gave."""


class RetentionRepository(Protocol):
    """What has been kept for as long as it must be. Implemented by `records/retention.py`."""

    async def due(
        self,
        kind: RetentionClass,
        finished_before: datetime,
        *,
        after: DuePlace | None,
        limit: int,
        held: bool | None = None,
    ) -> list[DueVisit]:
        """Return visits of which something of this class is not destroyed yet, which had ended by then, the earliest
        first; with `held` only those that a hold protects, or none of them.
        """


class IntegrityRepository(Protocol):
    """What was signed of each recorded visit, and what checks of it found. Implemented by `records/manifests.py`."""

    async def integrity(self, consultation: ConsultationId) -> Integrity: ...

    async def record_destroyed_at(self, consultation: ConsultationId) -> datetime | None:
        """Return when what was written in a visit was destroyed; None while it is kept."""

    async def unsigned(self) -> list[ConsultationId]:
        """Return finished visits whose manifest, or whose film, nobody has signed yet, oldest first."""


class IntegrityChecker(Protocol):
    """Compares what is stored of recordings with what was signed. Implemented by `records/verification.py`."""

    async def check(self, consultation: ConsultationId) -> Verdict: ...

    async def playing_fault(self, recording: Recording) -> Fault | None:
        """Return what is wrong with anything of a visit whose film is about to be watched."""

    async def note(
        self, verdict: Verdict, *, actor: str, role: str, action: str, outcome: Outcome = Outcome.ALLOWED
    ) -> Check:
        """Remember what a check found, and write it into the access log."""


# The unit of work -----------------------------------------------------------------------------------------------------


class UnitOfWork(Protocol):
    """Everything durable as of one moment; what is written becomes visible together or not at all."""

    @property
    def at(self) -> datetime:
        """The moment of this unit of work: what it writes carries this time."""

    @property
    def people(self) -> PeopleRepository: ...

    @property
    def consultations(self) -> ConsultationRepository: ...

    @property
    def invitations(self) -> InvitationRepository: ...

    @property
    def histories(self) -> HistoryRepository: ...

    @property
    def notes(self) -> NoteRepository: ...

    @property
    def attachments(self) -> AttachmentRepository: ...

    @property
    def recordings(self) -> RecordingRepository: ...

    @property
    def quality(self) -> QualityRepository: ...

    @property
    def manifests(self) -> IntegrityRepository: ...

    @property
    def holds(self) -> HoldRepository: ...

    @property
    def retention(self) -> RetentionRepository: ...

    @property
    def destructions(self) -> DestructionRepository: ...

    @property
    def custodian_keys(self) -> CustodianKeyRepository: ...

    @property
    def custody(self) -> CustodyRepository: ...

    @property
    def releases(self) -> ReleaseRepository: ...

    @property
    def archive(self) -> ArchiveRepository: ...

    @property
    def sessions(self) -> SessionRepository: ...

    @property
    def audit(self) -> AuditTrail: ...


class Store(Protocol):
    """Implemented by `records/unit_of_work.py`."""

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Begin looking: one consistent snapshot, nothing can be changed."""

    def write(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Begin changing: committed when the block ends, rolled back when it raises."""
