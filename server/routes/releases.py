"""Releases: recordings that are in custody, asked for, given by custodians, opened in the browser that asked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from care.recordings import RecordingAltered, RecordingDestroyed, StorageAway
from care.release import ReleaseState
from care.releases import Custody, ReleaseWithParts
from identity.principal import Role
from identity.tokens import VIEWING_LIFETIME
from kernel.errors import Conflict, Invalid, NotFound, SignInRequired
from kernel.ids import ReleaseId, UserId
from records.hpke import is_public_key
from records.object_store import StoreFailed
from server.byte_ranges import asked_range, send_parts
from server.endpoint import Call, Input, Routes, json_response
from server.fields import PRINTABLE
from server.viewing import grant_viewing, viewer
from server.views import ConsultationView

routes = Routes()

_ASKING: Final = frozenset({Role.CUSTODIAN, Role.CLINICIAN})
Reason = Annotated[str, Meta(min_length=3, max_length=300, pattern=PRINTABLE)]
PublicKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
SealedPart = Annotated[bytes, Meta(min_length=49, max_length=128)]


class AskBody(Input):
    """`public_key` (X25519, 32 bytes in base64) is the asking browser's: only there the recording will open."""

    reason: Reason
    public_key: PublicKey


class GiveBody(Input):
    """`part` is your part, opened with your key and sealed (HPKE) to the release's public key."""

    part: SealedPart


class DeclineBody(Input):
    reason: Reason


class ReleaseView(msgspec.Struct, frozen=True, kw_only=True):
    """`given_by` says who gave their part so far, out of `quorum`; `over` that nothing can follow any more."""

    id: str
    state: ReleaseState
    over: bool
    reason: str
    asked_by: str
    asked_at: datetime
    yours: bool
    public_key: bytes
    quorum: int
    given_by: list[str]
    given_by_you: bool
    granted_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    decline_reason: str

    @classmethod
    def of(cls, found: ReleaseWithParts, names: Mapping[UserId, str], you: str) -> "ReleaseView":
        release = found.release
        return cls(
            id=release.id,
            state=release.state,
            over=found.is_over,
            reason=release.reason,
            asked_by=names[release.asked_by],
            asked_at=release.asked_at,
            yours=release.asked_by == you,
            public_key=release.public_key,
            quorum=release.quorum,
            given_by=[names[part.given_by] for part in found.parts],
            given_by_you=any(part.given_by == you for part in found.parts),
            granted_at=release.granted_at,
            ended_by=names[release.ended_by] if release.ended_by else None,
            ended_at=release.ended_at,
            decline_reason=release.decline_reason,
        )


class OwnPartView(msgspec.Struct, frozen=True):
    """Your part of what opens the recording, sealed to your key."""

    custodian_key: str
    sealed: bytes


class CustodyView(msgspec.Struct, frozen=True, kw_only=True):
    """`quorum` is null for a recording that is not in custody. `holders` are the custodians who hold a part."""

    quorum: int | None
    holders: list[str]
    own_part: OwnPartView | None
    releases: list[ReleaseView]

    @classmethod
    def of(cls, custody: Custody, you: str) -> "CustodyView":
        own = custody.own_part
        return cls(
            quorum=custody.quorum,
            holders=[custody.names[holder] for holder in custody.holders],
            own_part=None if own is None else OwnPartView(own.custodian_key, own.sealed),
            releases=[ReleaseView.of(each, custody.names, you) for each in custody.releases],
        )


class WaitingView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    reason: str
    asked_by: str
    asked_at: datetime
    consultation: ConsultationView


class WaitingReleasesView(msgspec.Struct, frozen=True):
    """Requests that wait for your part, oldest first."""

    waiting: list[WaitingView]


class GivenPartView(msgspec.Struct, frozen=True):
    custodian_key: str
    sealed: bytes


class SealedViewing(msgspec.Struct, frozen=True, kw_only=True):
    """What the asking browser opens the recording with: parts sealed to it, and the key that they open.

    The recording's key is `wrapped`: AES-256-GCM, bound to `context`, under HKDF-SHA256 of the joined parts, `share` as
    salt and `context` as info. `media_url` gives the sealed file, `blob` is what its frames are bound to.
    """

    expires_in: int
    media_url: str
    blob: str
    size_bytes: int
    quorum: int
    parts: list[GivenPartView]
    wrapped: bytes
    share: bytes
    context: str


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/releases",
    summary="See how a recording is kept, and who asked for it",
    tag="custody",
    roles=_ASKING,
    response=CustodyView,
    errors=[NotFound],
)
async def read_releases(call: Call[None, None]) -> CustodyView:
    custody = await call.services.releases.of(call.principal, call.consultation)
    return CustodyView.of(custody, call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/releases",
    summary="Ask custodians to open a recording in this browser, and say why",
    tag="custody",
    roles=_ASKING,
    body=AskBody,
    response=CustodyView,
    errors=[NotFound, Conflict, Invalid, RecordingDestroyed],
)
async def ask_for_release(call: Call[None, AskBody]) -> CustodyView:
    if not is_public_key(call.body.public_key):
        raise Invalid("public_key")
    custody = await call.services.releases.ask(
        call.principal, call.consultation, reason=call.body.reason.strip(), public_key=call.body.public_key
    )
    return CustodyView.of(custody, call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/releases/{release}/part",
    summary="Give your part of what opens a recording to whoever asked",
    tag="custody",
    roles={Role.CUSTODIAN},
    body=GiveBody,
    response=CustodyView,
    errors=[NotFound, Conflict],
)
async def give_part(call: Call[None, GiveBody]) -> CustodyView:
    custody = await call.services.releases.give(
        call.principal, call.consultation, ReleaseId(call.path["release"]), sealed=call.body.part
    )
    return CustodyView.of(custody, call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/releases/{release}/decline",
    summary="Decline a request for a recording, or take back what was granted",
    tag="custody",
    roles={Role.CUSTODIAN},
    body=DeclineBody,
    response=CustodyView,
    errors=[NotFound, Conflict],
)
async def decline_release(call: Call[None, DeclineBody]) -> CustodyView:
    custody = await call.services.releases.decline(
        call.principal, call.consultation, ReleaseId(call.path["release"]), reason=call.body.reason.strip()
    )
    return CustodyView.of(custody, call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/releases/{release}/withdraw",
    summary="Take your own request for a recording back",
    tag="custody",
    roles=_ASKING,
    response=CustodyView,
    errors=[NotFound, Conflict],
)
async def withdraw_release(call: Call[None, None]) -> CustodyView:
    custody = await call.services.releases.withdraw(call.principal, call.consultation, ReleaseId(call.path["release"]))
    return CustodyView.of(custody, call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/releases/{release}/viewing",
    summary="Open a recording that was released to you, for half an hour",
    tag="custody",
    roles=_ASKING,
    response=SealedViewing,
    errors=[NotFound, Conflict, RecordingAltered, RecordingDestroyed, StorageAway],
)
async def open_sealed_viewing(call: Call[None, None]) -> web.Response:
    consultation = call.consultation
    opened = await call.services.releases.open(call.principal, consultation, ReleaseId(call.path["release"]))
    viewing = SealedViewing(
        expires_in=int(VIEWING_LIFETIME.total_seconds()),
        media_url=f"/api/v1/archive/{consultation}/sealed-media",
        blob=opened.recording.blob,
        size_bytes=opened.recording.size_bytes,
        quorum=opened.release.quorum,
        parts=[GivenPartView(part.custodian_key, part.sealed) for part in opened.parts],
        wrapped=opened.key.wrapped,
        share=opened.key.share,
        context=opened.key.context,
    )
    response = json_response(viewing)
    grant_viewing(call, response)
    return response


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/sealed-media",
    summary="Read a released recording as it is stored, by parts (Range); with an access token or while viewing",
    tag="custody",
    roles=None,
    errors=[NotFound, SignInRequired, RecordingDestroyed, StorageAway],
    response_type="application/octet-stream",
)
async def read_sealed_media(call: Call[None, None]) -> web.StreamResponse:
    recording = await call.services.releases.require_granted(viewer(call), call.consultation)
    media, headers = call.services.recorded_media, {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    try:
        sealed = await media.open_sealed(recording)
    except StoreFailed as error:
        raise StorageAway from error

    async def piece(at: int, length: int) -> bytes:
        return await media.read_sealed(sealed, at, length)

    try:
        return await send_parts(
            call.request,
            piece,
            size=sealed.size,
            wanted=asked_range(call.request),
            content_type="application/octet-stream",
            headers=headers,
        )
    finally:
        sealed.close()


@routes.endpoint(
    "GET",
    "/api/v1/releases/waiting",
    summary="See the requests for recordings that wait for your part",
    tag="custody",
    roles={Role.CUSTODIAN},
    response=WaitingReleasesView,
)
async def read_waiting_releases(call: Call[None, None]) -> WaitingReleasesView:
    waiting = await call.services.releases.waiting(call.principal)
    return WaitingReleasesView(
        [
            WaitingView(
                id=each.release.id,
                reason=each.release.reason,
                asked_by=each.asked_by,
                asked_at=each.release.asked_at,
                consultation=ConsultationView.of(each.consultation),
            )
            for each in waiting
        ]
    )
