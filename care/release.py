"""A release: somebody asks for a recording that is in custody, and as many custodians as it takes give their parts.

Each part is sealed to the browser that asked, so the recording opens there and nowhere else.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kernel.errors import Conflict
from kernel.ids import ConsultationId, CustodianKeyId, ReleaseId, UserId

ASKED_FOR: Final = timedelta(days=7)
"""After so long nobody answers a request any more."""
GRANTED_FOR: Final = timedelta(hours=24)
"""For so long the recording may be opened."""


class ReleaseState(StrEnum):
    """Where a release stands; when its time is over is told by the clock (`is_over`)."""

    ASKED = "asked"
    GRANTED = "granted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`public_key` (X25519, 32 bytes) is the asking browser's; `quorum` how many custodians' parts it takes."""

    id: ReleaseId
    consultation: ConsultationId
    asked_by: UserId
    asked_at: datetime
    reason: str
    public_key: bytes
    quorum: int
    state: ReleaseState = ReleaseState.ASKED
    granted_at: datetime | None = None
    ended_by: UserId | None = None
    ended_at: datetime | None = None
    decline_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPart:
    """What a custodian gave: their part, sealed to the browser that asked."""

    custodian_key: CustodianKeyId
    given_by: UserId
    given_at: datetime
    sealed: bytes


@dataclass(frozen=True, slots=True)
class CustodyPart:
    """A custodian's part of what opens a recording, sealed to their key."""

    custodian_key: CustodianKeyId
    sealed: bytes


@dataclass(frozen=True, slots=True, repr=False)
class EntrustedKey:
    """A recording's key as the server has it: wrapped by the custodians' secret and `share`, bound to `context`."""

    wrapped: bytes
    share: bytes
    context: str


def is_over(release: Release, at: datetime) -> bool:
    """Whether nothing can follow any more."""
    match release.state:
        case ReleaseState.ASKED:
            return at > release.asked_at + ASKED_FOR
        case ReleaseState.GRANTED:
            return release.granted_at is None or at > release.granted_at + GRANTED_FOR
        case _:
            return True


def granted(release: Release, parts: int, *, at: datetime) -> Release:
    """Return a release for which custodians gave `parts` parts; `Conflict` when it waits for none."""
    if release.state is not ReleaseState.ASKED or is_over(release, at):
        raise Conflict
    return release if parts < release.quorum else replace(release, state=ReleaseState.GRANTED, granted_at=at)


def ended(release: Release, state: ReleaseState, who: UserId, *, at: datetime, reason: str = "") -> Release:
    """Return a release that was declined or withdrawn; `Conflict` when it is over."""
    if is_over(release, at):
        raise Conflict
    return replace(release, state=state, ended_by=who, ended_at=at, decline_reason=reason)
