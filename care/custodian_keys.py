"""Proposing, confirming and retiring custodians' keys, on behalf of custodians."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from care.access import Action, require
from care.custodian_key import (
    RECEIVING,
    CustodianKey,
    CustodianKeyState,
    CustodianKeyStep,
    retired,
    stepped,
)
from care.ports import Store, UnitOfWork
from care.reach import changing, reading
from identity.principal import Principal
from kernel.errors import Conflict
from kernel.ids import CustodianKeyId, UserId

_KEYS_LIMIT: Final = 200  # of a clinic, ever
_OBJECT: Final = "custodian_key"


@dataclass(frozen=True, slots=True)
class CustodianKeys:
    """All keys, newest first, the names of who had to do with them, and how many custodians it takes."""

    keys: tuple[CustodianKey, ...]
    names: Mapping[UserId, str]
    quorum: int

    @property
    def receiving(self) -> int:
        """How many keys what is recorded now is sealed to, if that is as many as it takes."""
        count = sum(key.state in RECEIVING for key in self.keys)
        return count if count >= self.quorum else 0


class CustodianKeyService:
    """Every step is an entry of the access log."""

    def __init__(self, store: Store, *, quorum: int) -> None:
        self._store = store
        self._quorum = quorum

    async def all(self, principal: Principal) -> CustodianKeys:
        """Return the keys."""
        async with reading(self._store, principal) as work:
            require(principal, Action.CUSTODIAN_KEY_CHANGE)
            return await self._shown(work)

    async def propose(self, principal: Principal, public_key: bytes) -> CustodianKeys:
        """Propose a key of one's own, once it is known that its file opens. `Conflict` when it is known already."""
        async with changing(self._store, principal) as work:
            require(principal, Action.CUSTODIAN_KEY_CHANGE)
            keys, owner = await work.custodian_keys.all(), UserId(principal.subject)
            waiting = [key for key in keys if key.owner == owner and key.state is CustodianKeyState.PROPOSED]
            if len(keys) - len(waiting) >= _KEYS_LIMIT:
                raise Conflict
            for key in waiting:  # one at a time: the newest
                await work.custodian_keys.remove(key.id)
            key = CustodianKey(
                id=CustodianKeyId(sha256(public_key).hexdigest()),
                owner=owner,
                public_key=public_key,
                state=CustodianKeyState.PROPOSED,
                proposed_at=work.at,
            )
            await work.custodian_keys.add(key)
            await _note(work, principal, key.id, "propose")
            return await self._shown(work)

    async def take(self, principal: Principal, key_id: CustodianKeyId, step: CustodianKeyStep) -> CustodianKeys:
        """Take a step. `Conflict` when it does not follow from where the key stands, `SecondPersonNeeded`."""
        async with changing(self._store, principal) as work:
            require(principal, Action.CUSTODIAN_KEY_CHANGE)
            present = await work.custodian_keys.get(key_id)
            changed = stepped(present, step, UserId(principal.subject), at=work.at)
            if changed is None:
                await work.custodian_keys.remove(key_id)
            else:
                await put_in_place(work, changed)
            await _note(work, principal, key_id, step)
            return await self._shown(work)

    async def _shown(self, work: UnitOfWork) -> CustodianKeys:
        keys = (await work.custodian_keys.all())[::-1]
        people = {who for key in keys for who in (key.owner, key.confirmed_by, key.retired_by) if who}
        people |= {key.retire_asked_by for key in keys if key.retire_asked_by}
        names = {who: (await work.people.member(who)).name for who in people}
        return CustodianKeys(tuple(keys), names, self._quorum)


async def put_in_place(work: UnitOfWork, key: CustodianKey) -> None:
    """Store a changed key. One that comes into force takes the place of its owner's other: nobody counts twice."""
    await work.custodian_keys.save(key)
    if key.state is CustodianKeyState.IN_FORCE:
        for other in await work.custodian_keys.receiving():
            if other.owner == key.owner and other.id != key.id:
                await work.custodian_keys.save(retired(other, None, at=work.at))


async def _note(work: UnitOfWork, principal: Principal, key: CustodianKeyId, step: str) -> None:
    await work.audit.add(principal, Action.CUSTODIAN_KEY_CHANGE, object_type=_OBJECT, object_id=key, detail=step)
