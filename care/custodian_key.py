"""A custodian's key: its public half, to which recordings are sealed. It comes into force when a second person agrees.

Otherwise whoever takes over one custodian's account would add a key of their own, and be able to open what is recorded
from then on.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from care.hold import SecondPersonNeeded
from kernel.errors import Conflict
from kernel.ids import CustodianKeyId, UserId


class CustodianKeyState(StrEnum):
    """Where a key stands. A retired one gets nothing new; it still opens what was sealed to it."""

    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    RETIRE_ASKED = "retire_asked"
    RETIRED = "retired"


class CustodianKeyStep(StrEnum):
    """What somebody does about a key that was proposed."""

    CONFIRM = "confirm"
    WITHDRAW = "withdraw"  # the proposal, or the request to retire it
    ASK_RETIRE = "ask_retire"
    RETIRE = "retire"


RECEIVING: Final = frozenset({CustodianKeyState.IN_FORCE, CustodianKeyState.RETIRE_ASKED})
"""What is recorded now is sealed to keys in these states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianKey:
    """`public_key` is X25519, 32 bytes; `id` its SHA-256. `confirmed_by` is None for one an operator confirmed."""

    id: CustodianKeyId
    owner: UserId
    public_key: bytes
    state: CustodianKeyState
    proposed_at: datetime
    confirmed_by: UserId | None = None
    confirmed_at: datetime | None = None
    retire_asked_by: UserId | None = None
    retire_asked_at: datetime | None = None
    retired_by: UserId | None = None
    retired_at: datetime | None = None


def stepped(key: CustodianKey, step: CustodianKeyStep, who: UserId, *, at: datetime) -> CustodianKey | None:
    """Return the key after a step of `who`, None when nothing is left of it. `Conflict`, `SecondPersonNeeded`."""
    match step, key.state:
        case CustodianKeyStep.CONFIRM, CustodianKeyState.PROPOSED:
            if who == key.owner:
                raise SecondPersonNeeded
            return replace(key, state=CustodianKeyState.IN_FORCE, confirmed_by=who, confirmed_at=at)
        case CustodianKeyStep.WITHDRAW, CustodianKeyState.PROPOSED:
            return None
        case CustodianKeyStep.ASK_RETIRE, CustodianKeyState.IN_FORCE:
            return replace(key, state=CustodianKeyState.RETIRE_ASKED, retire_asked_by=who, retire_asked_at=at)
        case CustodianKeyStep.WITHDRAW, CustodianKeyState.RETIRE_ASKED:
            return replace(key, state=CustodianKeyState.IN_FORCE, retire_asked_by=None, retire_asked_at=None)
        case CustodianKeyStep.RETIRE, CustodianKeyState.RETIRE_ASKED:
            if who == key.retire_asked_by:
                raise SecondPersonNeeded
            return retired(key, who, at=at)
        case _:
            raise Conflict


def retired(key: CustodianKey, who: UserId | None, *, at: datetime) -> CustodianKey:
    """Return the key as one that gets nothing new; `who` is None when its owner's next key takes its place."""
    return replace(key, state=CustodianKeyState.RETIRED, retired_by=who, retired_at=at)
