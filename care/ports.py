"""What the clinical side needs from the outside. Repositories never commit: the unit of work does.

A getter that names one object raises `kernel.errors.NotFound` when it is absent. `save` replaces what is stored
under the same id; `add` raises `kernel.errors.Conflict` where a promise of uniqueness would break.
"""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from care.consultation import Consultation
from care.invitation import Invitation
from care.people import Department, Member, Patient
from care.summary import ConsultationSummary
from identity.audit import AuditTrail
from identity.ports import SessionRepository
from identity.principal import Role
from kernel.ids import ConsultationId, DepartmentId, InvitationId, PatientId, UserId

# People ---------------------------------------------------------------------------------------------------------------


class PeopleRepository(Protocol):
    """Departments, accounts and patients. Implemented by `records/people.py`."""

    async def department(self, department: DepartmentId) -> Department: ...

    async def departments(self) -> list[Department]:
        """Return all, by English name."""

    async def add_department(self, department: Department) -> None: ...

    async def save_department(self, department: Department) -> None: ...

    async def member(self, member: UserId) -> Member: ...

    async def member_by_login(self, login: str) -> Member:
        """Find in any case of letters."""

    async def members(self, *, role: Role | None = None) -> list[Member]:
        """Return all, inactive ones too, by name."""

    async def add_member(self, member: Member) -> None: ...

    async def save_member(self, member: Member) -> None: ...

    async def patient(self, patient: PatientId) -> Patient: ...

    async def patients(self, *, q: str = "", treated_by: UserId | None = None, limit: int = 50) -> list[Patient]:
        """Return patients whose name or record number contains `q`, by name; with `treated_by` only that
        clinician's own (somebody they have or had a consultation with)."""

    async def add_patient(self, patient: Patient) -> None: ...

    async def save_patient(self, patient: Patient) -> None: ...


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
    def sessions(self) -> SessionRepository: ...

    @property
    def audit(self) -> AuditTrail: ...


class Store(Protocol):
    """Implemented by `records/unit_of_work.py`."""

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Begin looking: one consistent snapshot, nothing can be changed."""

    def write(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Begin changing: committed when the block ends, rolled back when it raises."""
