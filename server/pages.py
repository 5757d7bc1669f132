"""The browser app: its one page, and the files below `static/`, cached for ever under a name that changes with them."""

import asyncio
import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from kernel.errors import NotFound
from server.endpoint import ORIGIN

STATIC: Final = Path(__file__).parent.parent / "static"

_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_TEXT: Final = frozenset({".css", ".html", ".js", ".json", ".svg", ".webmanifest"})
_COMPRESSED_FROM_BYTES: Final = 1024
_FILE_LIMIT_BYTES: Final = 32 * 1024 * 1024
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"  # kept, but asked about (by ETag) each time

_WORKER: Final = "playback-worker.js"
_WORKER_HEADERS: Final = {
    "Service-Worker-Allowed": "/",  # it plays on every page of the archive
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'",
}
_INLINE_SCRIPT: Final = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_NOT_PAGES: Final = ("api", "static", "socket.io")
_PLAIN_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent."""

    content_type: str
    etag: str
    body: bytes
    compressed: bytes | None


class Pages:
    """Serves the folder `root`. Files are read again when they have changed on disk, so nothing needs a restart.

    The page refers to files as `/static/~VERSION/…`, where VERSION is a digest of the whole folder: such an address is
    cached for ever, and modules that import each other relatively stay within one version.
    """

    def __init__(self, root: Path = STATIC) -> None:
        self._root = root.resolve()
        self._files: dict[Path, tuple[tuple[int, int], StaticFile]] = {}  # bounded by what is in the folder

    def attach(self, app: web.Application) -> None:
        """Add the routes: files, robots.txt, and the page for every other path."""
        app.router.add_get("/static/{path:.*}", self.file)
        app.router.add_get("/robots.txt", _refuse_robots)
        app.router.add_get("/{path:.*}", self.page)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Answer with one file, or as NotFound where there is none that may be shown."""
        path = request.match_info["path"]
        caching = _ASK_AGAIN
        if path.startswith("~"):
            version, _, path = path.removeprefix("~").partition("/")
            if version == await asyncio.to_thread(self.version):
                caching = _FOR_EVER
        found = await asyncio.to_thread(self._read, path)
        if found is None:
            raise NotFound
        response = _answer(request, found, caching)
        if path == _WORKER:
            response.headers.update(_WORKER_HEADERS)
        return response

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Answer with the app's page, whatever the path: the app itself knows its paths."""
        if request.match_info["path"].partition("/")[0] in _NOT_PAGES:
            raise NotFound
        found, policy = await asyncio.to_thread(self._index, request[ORIGIN])
        response = _answer(request, found, _ASK_AGAIN)
        response.headers["Content-Security-Policy"] = policy
        return response

    def version(self) -> str:
        """Return a digest of every file's name, size and time of change. Blocks for the time of a few hundred stats."""
        digest = hashlib.sha256()
        for file in sorted(self._root.rglob("*")):
            if file.suffix in _TYPES:
                about = file.stat()
                digest.update(f"{file}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
        return digest.hexdigest()[:12]

    def _read(self, path: str) -> StaticFile | None:
        file = self._root / path
        kind = _TYPES.get(file.suffix)
        if kind is None or "\0" in path or any(part.startswith(".") or not part for part in path.split("/")):
            return None
        try:
            resolved = file.resolve(strict=True)
            about = resolved.stat()
            if not resolved.is_relative_to(self._root) or not resolved.is_file() or about.st_size > _FILE_LIMIT_BYTES:
                return None
            stamp = (about.st_mtime_ns, about.st_size)
            known = self._files.get(resolved)
            if known is None or known[0] != stamp:
                known = (stamp, _as_sent(kind, resolved.read_bytes(), is_text=file.suffix in _TEXT))
                self._files[resolved] = known
        except OSError:
            return None
        return known[1]

    def _index(self, origin: str) -> tuple[StaticFile, str]:
        html = (self._root / "index.html").read_bytes()
        html = html.replace(b"/static/", f"/static/~{self.version()}/".encode())
        return _as_sent("text/html", html, is_text=True), content_security_policy(html, origin)


def content_security_policy(html: bytes, origin: str) -> str:
    """Return the policy of a page: nothing from elsewhere, and of inline scripts only exactly those in `html`."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(html)
    ]
    host = origin.partition("://")[2]
    sockets = f" ws://{host} wss://{host}" if _PLAIN_HOST.fullmatch(host) else ""  # older Safari: not part of 'self'
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {' '.join(hashes)}".rstrip(),
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "font-src 'self'",
            f"connect-src 'self'{sockets}",
            "manifest-src 'self'",
            "worker-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types lit-html playback-worker",
        )
    )


def _as_sent(content_type: str, body: bytes, *, is_text: bool) -> StaticFile:
    compressed = gzip.compress(body, 6, mtime=0) if is_text and len(body) >= _COMPRESSED_FROM_BYTES else None
    etag = hashlib.sha256(body).hexdigest()[:32]
    return StaticFile(f"{content_type}; charset=utf-8" if is_text else content_type, etag, body, compressed)


def _answer(request: web.Request, found: StaticFile, caching: str) -> web.Response:
    zipped = found.compressed is not None and "gzip" in request.headers.get("Accept-Encoding", "")
    etag = f'"{found.etag}{"-gz" if zipped else ""}"'
    headers = {"ETag": etag, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if etag in [known.strip().removeprefix("W/") for known in request.headers.get("If-None-Match", "").split(",")]:
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = found.content_type
    if zipped and found.compressed is not None:
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=found.compressed, headers=headers)
    return web.Response(body=found.body, headers=headers)


async def _refuse_robots(_request: web.Request) -> web.Response:
    return web.Response(text="User-agent: *\nDisallow: /\n")
