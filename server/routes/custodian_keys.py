"""Custodians' keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from care.custodian_key import CustodianKey, CustodianKeyState, CustodianKeyStep
from care.custodian_keys import CustodianKeys
from care.hold import SecondPersonNeeded
from identity.principal import Role
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import CustodianKeyId, UserId
from records.hpke import is_public_key
from server.endpoint import Call, Input, Routes

routes = Routes()


class ProposalBody(Input):
    """`public_key` is X25519, 32 bytes in base64."""

    public_key: Annotated[bytes, Meta(min_length=32, max_length=32)]


class StepBody(Input):
    step: CustodianKeyStep


class CustodianKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the SHA-256 of the public key. `asked_by_you`: you asked to retire it."""

    id: str
    owner: str
    state: CustodianKeyState
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    retire_asked_by: str | None
    retired_at: datetime | None
    yours: bool
    asked_by_you: bool

    @classmethod
    def of(cls, key: CustodianKey, names: Mapping[UserId, str], you: str) -> "CustodianKeyView":
        return cls(
            id=key.id,
            owner=names[key.owner],
            state=key.state,
            proposed_at=key.proposed_at,
            confirmed_by=names[key.confirmed_by] if key.confirmed_by else None,
            confirmed_at=key.confirmed_at,
            retire_asked_by=names[key.retire_asked_by] if key.retire_asked_by else None,
            retired_at=key.retired_at,
            yours=key.owner == you,
            asked_by_you=key.retire_asked_by == you,
        )


class CustodianKeysView(msgspec.Struct, frozen=True):
    """All keys, newest first. `receiving` is how many what is recorded now is sealed to; 0 while they are too few."""

    keys: list[CustodianKeyView]
    quorum: int
    receiving: int

    @classmethod
    def of(cls, found: CustodianKeys, you: str) -> "CustodianKeysView":
        return cls([CustodianKeyView.of(key, found.names, you) for key in found.keys], found.quorum, found.receiving)


@routes.endpoint(
    "GET",
    "/api/v1/custodian-keys",
    summary="See the custodians' keys, to which recordings are sealed",
    tag="custody",
    roles={Role.CUSTODIAN},
    response=CustodianKeysView,
)
async def read_custodian_keys(call: Call[None, None]) -> CustodianKeysView:
    return CustodianKeysView.of(await call.services.custodian_keys.all(call.principal), call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/custodian-keys",
    summary="Propose a key of your own; another custodian confirms it",
    tag="custody",
    roles={Role.CUSTODIAN},
    body=ProposalBody,
    response=CustodianKeysView,
    errors=[Conflict, Invalid],
)
async def propose_custodian_key(call: Call[None, ProposalBody]) -> CustodianKeysView:
    if not is_public_key(call.body.public_key):
        raise Invalid("public_key")
    found = await call.services.custodian_keys.propose(call.principal, call.body.public_key)
    return CustodianKeysView.of(found, call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/custodian-keys/{key}",
    summary="Confirm or withdraw a custodian's key, or retire it: that takes two, too",
    tag="custody",
    roles={Role.CUSTODIAN},
    body=StepBody,
    response=CustodianKeysView,
    errors=[NotFound, Conflict, SecondPersonNeeded],
)
async def change_custodian_key(call: Call[None, StepBody]) -> CustodianKeysView:
    found = await call.services.custodian_keys.take(call.principal, CustodianKeyId(call.path["key"]), call.body.step)
    call.services.hand_over.take_up()
    return CustodianKeysView.of(found, call.principal.subject)
