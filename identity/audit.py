"""Who did what to which object: the entries of the access log, and the port that keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from identity.principal import Principal

NOBODY = "nobody"  # the actor of a refused sign-in
SYSTEM = "system"  # the actor of what the server does by itself


class Outcome(StrEnum):
    """Whether the policy let it happen."""

    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the access log (FHIR AuditEvent). `detail` never holds what was read or written, only which part."""

    at: datetime
    actor: str  # a ParticipantId, NOBODY or SYSTEM
    role: str  # a Role, or "" for NOBODY and SYSTEM
    action: str  # "consultation.read", "recording.start", …
    object_type: str  # "consultation", "patient", "member", "recording", …
    object_id: str
    outcome: Outcome = Outcome.ALLOWED
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry with its place in the chain: `hash` covers it and everything before it."""

    seq: int
    entry: AuditEntry
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What checking the chain found. `broken_at` is the seq of the first entry that doesn't follow, None when sound.

    `head` is the hash of the last entry: written down elsewhere from time to time, it proves that nobody rebuilt
    the whole chain.
    """

    entries: int
    head: bytes
    broken_at: int | None


class AuditTrail(Protocol):
    """The append-only access log. Entries become durable with the transaction they are added in."""

    async def add(
        self,
        principal: Principal,
        action: str,
        *,
        object_type: str,
        object_id: str,
        outcome: Outcome = Outcome.ALLOWED,
        detail: str = "",
    ) -> None:
        """Note what `principal` did, at the moment of the unit of work."""

    async def add_entries(self, entries: Sequence[AuditEntry]) -> None:
        """Note several things in the given order."""

    async def page(
        self, *, before: int | None = None, limit: int = 100, object_id: str | None = None
    ) -> list[ChainedEntry]:
        """Return entries with `seq < before`, newest first, all or those about one object."""

    async def verify(self) -> ChainReport:
        """Walk the whole chain."""
