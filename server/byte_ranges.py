"""Answering with a part of something long, as browsers' players ask for it (RFC 9110, 14)."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

_READ_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


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


def asked_range(request: web.Request) -> str:
    """Return the Range header; nothing where it asks for several parts or makes no sense."""
    wanted = request.headers.get("Range", "").strip()
    return wanted if _RANGE.fullmatch(wanted) else ""


async def send_parts(
    request: web.Request,
    read: Callable[[int, int], Awaitable[bytes]],
    *,
    size: int,
    wanted: str,
    content_type: str,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Answer with the wanted part of `size` bytes, a bounded piece at a time; `read` is told where and how many."""
    try:
        part = part_of(wanted, size)
    except PartAbsent:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    first, end = part or (0, size)
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    response.content_type = content_type
    response.content_length = end - first
    if part:
        response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    await response.prepare(request)
    while first < end:
        piece = await read(first, min(_READ_BYTES, end - first))
        first += len(piece)
        await response.write(piece)
    await response.write_eof()
    return response
