"""How files leave the server: as downloads under their own name, never as pages of ours."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from aiohttp import web

_ATTRIBUTE_CHARACTERS: Final = "!#$&+-.^_`|~"
"""What RFC 8187 lets stand in `filename*` besides letters and digits."""

_SAFE_HEADERS: Final = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

_WRITE_S: Final = 60
"""A client that takes nothing for so long is gone."""


def disposition(name: str) -> str:
    """Return the Content-Disposition that saves a file as `name` (RFC 6266): exact for browsers of this century,
    with what is left in ASCII for the others.
    """
    plain = "".join(letter if letter.isalnum() or letter in " -._()" else "_" for letter in name)
    plain = plain.encode("ascii", "replace").decode().replace("?", "_")
    exact = quote(name, safe=_ATTRIBUTE_CHARACTERS)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def download(body: str, *, name: str, content_type: str) -> web.Response:
    """Return a text as a download."""
    headers = {**_SAFE_HEADERS, "Content-Disposition": disposition(name)}
    return web.Response(text=body, content_type=content_type, charset="utf-8", headers=headers)


async def stream_download(
    request: web.Request, chunks: AsyncIterator[bytes], *, name: str, content_type: str, size_bytes: int
) -> web.StreamResponse:
    """Send a file as a download while it is read. When reading fails midway the connection breaks, so that nobody
    takes the part for the whole.
    """
    response = web.StreamResponse(headers={**_SAFE_HEADERS, "Content-Disposition": disposition(name)})
    response.content_type = content_type
    if content_type == "text/plain":
        response.charset = "utf-8"
    response.content_length = size_bytes
    await response.prepare(request)
    async for chunk in chunks:
        await response.write(chunk)
    await response.write_eof()
    return response


class ResponseSink:
    """A response as a file that a thread writes to; each write waits until the client has taken enough."""

    def __init__(self, response: web.StreamResponse, loop: asyncio.AbstractEventLoop) -> None:
        self._response = response
        self._loop = loop

    def write(self, data: bytes, /) -> int:
        """Send `data`. Raises ConnectionError when the client went away."""
        asyncio.run_coroutine_threadsafe(self._response.write(data), self._loop).result(_WRITE_S)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is sent."""
