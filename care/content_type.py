"""What a file is, judged by its content alone: never by its name, never by what the sender says.

Few types are accepted, none of which a browser runs. Markup (HTML, SVG, XML) is refused even where it would pass as
plain text. Judging is done while the file streams past, in constant memory.
"""

import codecs
from typing import Final

from kernel.errors import AppError

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
GIF: Final = "image/gif"
WEBP: Final = "image/webp"
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"

EXTENSIONS: Final[dict[str, tuple[str, ...]]] = {
    PNG: (".png",),
    JPEG: (".jpg", ".jpeg"),
    GIF: (".gif",),
    WEBP: (".webp",),
    PDF: (".pdf",),
    TEXT: (".txt", ".csv", ".log", ".md"),
}
"""The accepted types, with the file name endings that fit; the first is added to a name that has none of them."""

_HEAD_BYTES: Final = 1024
_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_GIF_HEADS: Final = (b"GIF87a", b"GIF89a")
_PDF_HEADS: Final = (b"%PDF-1.", b"%PDF-2.")
_WEBP_CHUNKS: Final = (b"VP8 ", b"VP8L", b"VP8X")
_GIF_HEADER_BYTES: Final = 13
_GIF_BLOCKS: Final = (b"\x21", b"\x2c", b"\x3b")
_JPEG_MARKERS: Final = tuple(bytes([marker]) for marker in (0xC0, 0xC2, 0xC4, 0xDB, *range(0xE0, 0xF0), 0xFE))
_MARKUP: Final = ("<!doctype", "<html", "<svg", "<script", "<?xml")
_TEXT_CONTROLS: Final = frozenset("\t\n\r\f")
_BOM: Final = "\ufeff"


class FileRefused(AppError):
    """The content is of no type that the clinic accepts."""

    code = "attachment.refused"
    message = "This kind of file can't be sent. Pictures (PNG, JPEG, GIF, WebP), PDF and plain text can."
    status = 415


class ContentJudge:
    """Judges one file. `feed` the chunks in order, then ask `verdict` once."""

    def __init__(self) -> None:
        self._head = b""
        self._type: str | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="strict")

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `FileRefused` as soon as no accepted type is possible any more."""
        if self._type is None:
            self._head += chunk
            if len(self._head) < _HEAD_BYTES:
                return
            self._decide()
        elif self._type == TEXT:
            self._read_text(chunk, final=False)

    def verdict(self) -> str:
        """Return the type of the whole file, or raise `FileRefused`."""
        judged = self._type or self._decide()
        if judged == TEXT:
            self._read_text(b"", final=True)
        return judged

    def _decide(self) -> str:
        self._type = _binary_type(self._head) or TEXT
        if self._type == TEXT:
            self._read_text(self._head, final=False)
            if not self._head or _is_markup(self._head):
                raise FileRefused
        return self._type

    def _read_text(self, chunk: bytes, *, final: bool) -> None:
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            raise FileRefused from None
        if any((letter < " " and letter not in _TEXT_CONTROLS) or letter == "\x7f" for letter in text):
            raise FileRefused


def _binary_type(head: bytes) -> str | None:
    if head.startswith(_PNG_HEAD):
        return PNG
    if head.startswith(b"\xff\xd8\xff") and head[3:4] in _JPEG_MARKERS and head[4:6] > b"\x00\x01":
        return JPEG
    if head.startswith(_GIF_HEADS) and _continues_as_gif(head):
        return GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and head[12:16] in _WEBP_CHUNKS:
        return WEBP
    if head.startswith(_PDF_HEADS):
        return PDF
    return None


def _continues_as_gif(head: bytes) -> bool:
    """Whether a block follows the header and its colours, as it does in no script that begins with "GIF89a"."""
    if len(head) < _GIF_HEADER_BYTES:
        return False
    flags = head[10]
    colours = 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
    block = _GIF_HEADER_BYTES + colours
    return head[block : block + 1] in _GIF_BLOCKS


def _is_markup(head: bytes) -> bool:
    """Whether a browser left to guess could take the text for a page or a drawing."""
    text = head.decode("utf-8", errors="ignore").removeprefix(_BOM).lstrip().lower()
    if text[:1] == "<" and (text[1:2].isalpha() or text[1:2] in {"!", "?", "/"}):
        return True
    return any(mark in text for mark in _MARKUP)
