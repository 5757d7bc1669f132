"""A visit's recording: playing and downloading the composed file, and having it composed again."""

import asyncio
from typing import Final

from aiohttp import web

from care.recordings import RecordingAltered, RecordingDestroyed, RecordingInCustody, StorageAway
from identity.principal import Role
from kernel.errors import Conflict, NotFound, Overloaded, SignInRequired
from records.object_store import StoreFailed
from server.byte_ranges import asked_range, send_parts
from server.downloads import ResponseSink, disposition
from server.endpoint import Call, Input, Routes
from server.routes.archive import ArchivedView
from server.viewing import viewer

routes = Routes()

_HEADERS: Final = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'; frame-ancestors 'none'",
}


class MediaQuery(Input):
    """`download=1` has the browser save the file instead of playing it."""

    download: bool = False


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/media",
    summary="Play or download the recording, by parts if wanted (Range); with an access token or while viewing",
    tag="archive",
    roles=None,
    query=MediaQuery,
    errors=[NotFound, SignInRequired, RecordingAltered, RecordingDestroyed, RecordingInCustody, StorageAway],
    response_type="video/webm",
)
async def play_recording(call: Call[MediaQuery, None]) -> web.StreamResponse:
    consultation = call.consultation
    wanted = asked_range(call.request)
    is_noted = call.visitor is None and not call.query.download  # a player comes back for every part
    part = "" if is_noted else f"media.webm {wanted}".strip()
    recording = await call.services.recordings.watch(viewer(call), consultation, part=part)
    etag = f'"{recording.sha256}"'
    headers = {**_HEADERS, "ETag": etag}
    if call.query.download:
        headers["Content-Disposition"] = disposition(f"consultation-{consultation}.webm")
    if call.request.headers.get("If-Range", etag) != etag:
        wanted = ""
    media = call.services.recorded_media
    try:
        reader = await media.open(recording)
    except StoreFailed as error:
        raise StorageAway from error

    async def piece(at: int, length: int) -> bytes:
        reader.seek(at)
        return await media.read(reader, length)

    with reader:
        return await send_parts(
            call.request, piece, size=reader.size, wanted=wanted, content_type="video/webm", headers=headers
        )


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/package.zip",
    summary="Take all that is kept of a recorded visit, with its proofs; with an access token or while viewing",
    tag="archive",
    roles=None,
    errors=[
        NotFound,
        SignInRequired,
        RecordingAltered,
        RecordingDestroyed,
        RecordingInCustody,
        StorageAway,
        Overloaded,
    ],
    response_type="application/zip",
)
async def download_package(call: Call[None, None]) -> web.StreamResponse:
    """When anything fails midway the connection breaks, so that nobody takes the part for the whole."""
    consultation, packager = call.consultation, call.services.packager
    with packager.place():
        await call.services.recordings.hand_out(viewer(call), consultation)
        headers = {"Cache-Control": "private, no-store", "Content-Disposition": disposition(f"{consultation}.zip")}
        response = web.StreamResponse(headers=headers)
        response.content_type = "application/zip"
        await response.prepare(call.request)
        await packager.write(consultation, ResponseSink(response, asyncio.get_running_loop()), at=call.now())
        await response.write_eof()
    return response


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/compose",
    summary="Compose a recording again whose composition failed",
    tag="archive",
    roles={Role.CUSTODIAN, Role.CLINICIAN},
    response=ArchivedView,
    errors=[NotFound, Conflict, RecordingDestroyed, RecordingInCustody],
    status=202,
)
async def compose_again(call: Call[None, None]) -> ArchivedView:
    consultation = call.consultation
    recording = await call.services.recordings.compose_again(call.principal, consultation)
    call.services.composition.take_up(consultation)
    return ArchivedView.of(recording)
