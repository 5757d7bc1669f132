"""Who saw or changed what of a visit, and when: the access log's entries about it, with names."""

from dataclasses import dataclass
from typing import Final

from care.access import Action
from care.ports import Store, UnitOfWork
from care.reach import note_reading, reach_consultation, reading
from identity.audit import SYSTEM, ChainedEntry
from identity.principal import Principal, Role
from kernel.errors import NotFound
from kernel.ids import ConsultationId, InvitationId, PatientId, UserId

ACCESSES: Final = 50


@dataclass(frozen=True, slots=True)
class Access:
    """One entry, and the name of whoever it is about: "" for the system, their id when they are known no more."""

    chained: ChainedEntry
    name: str


class AccessHistoryService:
    """For custodians."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(
        self, principal: Principal, consultation: ConsultationId, *, before: int | None = None
    ) -> list[Access]:
        """Return at most `ACCESSES` entries, newest first, those in front of the entry numbered `before`."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.ARCHIVE_ACCESSES)
            entries = await work.audit.page(object_id=consultation, before=before, limit=ACCESSES)
            people = {(chained.entry.actor, chained.entry.role) for chained in entries}
            names = {actor: await _name(work, actor, role) for actor, role in people}
        await note_reading(self._store, principal, Action.ARCHIVE_ACCESSES, "consultation", consultation)
        return [Access(chained, names[chained.entry.actor]) for chained in entries]


async def _name(work: UnitOfWork, actor: str, role: str) -> str:
    if actor == SYSTEM:
        return ""
    try:
        if role == Role.PATIENT and actor.startswith("pat_"):
            return (await work.people.patient(PatientId(actor))).name
        if role == Role.GUEST:
            return (await work.invitations.get(InvitationId(actor))).name
        return (await work.people.member(UserId(actor))).name
    except NotFound:
        return actor
