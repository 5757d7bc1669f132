"""A visit's recording: playing and downloading the composed file, and having it composed again."""

import asyncio
import re
from typing import Final

from aiohttp import web

from care.recordings import RecordingAltered, RecordingDestroyed, StorageAway
from identity.principal import Role
from kernel.errors import Conflict, NotFound, Overloaded, SignInRequired
from records.blobs import BlobReader
from records.object_store import StoreFailed
from records.recorded_media import RecordedMedia
from server.downloads import ResponseSink, disposition
from server.endpoint import Call, Input, Routes
from server.routes.archive import ArchivedView
from server.viewing import viewer

routes = Routes()

_READ_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
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
    errors=[NotFound, SignInRequired, RecordingAltered, RecordingDestroyed, StorageAway],
    response_type="video/webm",
)
async def play_recording(call: Call[MediaQuery, None]) -> web.StreamResponse:
    consultation = call.consultation
    wanted = call.request.headers.get("Range", "").strip()
    if _RANGE.fullmatch(wanted) is None:
        wanted = ""  # several parts, or none that we know: then everything is the answer (RFC 9110, 14.2)
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
    with reader:
        return await _send(call.request, media, reader, wanted=wanted, headers=headers)


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/package.zip",
    summary="Take all that is kept of a recorded visit, with its proofs; with an access token or while viewing",
    tag="archive",
    roles=None,
    errors=[NotFound, SignInRequired, RecordingAltered, RecordingDestroyed, StorageAway, Overloaded],
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
    errors=[NotFound, Conflict, RecordingDestroyed],
    status=202,
)
async def compose_again(call: Call[None, None]) -> ArchivedView:
    consultation = call.consultation
    recording = await call.services.recordings.compose_again(call.principal, consultation)
    call.services.composition.take_up(consultation)
    return ArchivedView.of(recording)


class PartAbsent(Exception):
    """A Range header asks for bytes that are not there."""


def part_of(wanted: str, size: int) -> tuple[int, int] | None:
    """Return first byte and end (exclusive) that a Range header asks of `size` bytes (RFC 9110, 14.2).

    None where it asks for several parts or makes no sense: then everything is the answer. Raises `PartAbsent`.
    """
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    begins = int(first) if first else max(0, size - int(last))
    if begins >= size:
        raise PartAbsent
    return begins, min(size, int(last) + 1) if first and last else size


async def _send(
    request: web.Request, media: RecordedMedia, reader: BlobReader, *, wanted: str, headers: dict[str, str]
) -> web.StreamResponse:
    """Answer with the wanted part, a bounded piece at a time; a thread reads and decrypts."""
    try:
        part = part_of(wanted, reader.size)
    except PartAbsent:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{reader.size}"})
    first, end = part or (0, reader.size)
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    response.content_type = "video/webm"
    response.content_length = end - first
    if part:
        response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{reader.size}"
    await response.prepare(request)
    reader.seek(first)
    while first < end:
        piece = await media.read(reader, min(_READ_BYTES, end - first))
        first += len(piece)
        await response.write(piece)
    await response.write_eof()
    return response
