"""An S3 server (moto's) behind a door that can be told to fail as stores and networks do."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

from moto.server import ThreadedMotoServer

BUCKET: Final = "archive"
_HOP_BY_HOP: Final = {"connection", "transfer-encoding", "content-length", "server", "date"}


class Trouble(StrEnum):
    """What goes wrong at the door."""

    NONE = "none"
    AWAY = "away"  # nothing is answered
    DENIED = "denied"
    FULL = "full"
    CUT_UP = "cut_up"  # the line breaks in the middle of what is sent
    CUT_DOWN = "cut_down"  # and of what is fetched
    ALTERED = "altered"  # what is given back is not what was given


_REFUSALS: Final = {Trouble.DENIED: (403, "AccessDenied"), Trouble.FULL: (507, "InsufficientStorage")}


class S3Server(ThreadingHTTPServer):
    """The door. `trouble` may be changed at any time; `requests` are the ones that came."""

    def __init__(self, beyond: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.beyond = beyond
        self.trouble = Trouble.NONE
        self.requests: list[tuple[str, str]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server with one empty bucket, `BUCKET`."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    server = S3Server(moto.get_host_and_port())
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        for method, path in (("POST", "/moto-api/reset"), ("PUT", f"/{BUCKET}")):
            with closing(HTTPConnection(*server.beyond, timeout=30)) as beyond:
                beyond.request(method, path)
                assert beyond.getresponse().status == 200
        yield server
    finally:
        server.shutdown()
        server.server_close()
        moto.stop()


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Server

    def _pass(self) -> None:
        self.server.requests.append((self.command, self.path))
        trouble = self.server.trouble
        length = int(self.headers.get("Content-Length", 0))
        if trouble is Trouble.CUT_UP and length:
            self.rfile.read(length // 2)
        if trouble is Trouble.AWAY or (trouble is Trouble.CUT_UP and length):
            self._break()
            return
        body = self.rfile.read(length)
        if trouble in _REFUSALS:
            self._refuse(*_REFUSALS[trouble])
            return
        with closing(HTTPConnection(*self.server.beyond, timeout=30)) as beyond:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            beyond.request(self.command, self.path, body=body or None, headers=headers)
            self._answer(beyond.getresponse(), trouble)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815 - the library's names

    def _answer(self, answer: HTTPResponse, trouble: Trouble) -> None:
        body = bytearray(answer.read())
        is_object = self.command == "GET" and "list-type" not in self.path and answer.status < 300
        if trouble is Trouble.ALTERED and is_object and body:
            body[len(body) // 2] ^= 1
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        told = answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", told)
        self.end_headers()
        if trouble is Trouble.CUT_DOWN and is_object:
            self.wfile.write(body[: len(body) // 2])
            self._break()
        else:
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>told to fail</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _break(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_words: object) -> None:
        """Keep the tests' output clean."""
