import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.content_type import GIF, JPEG, PDF, PNG, TEXT, WEBP, ContentJudge, FileRefused


def judged(content: bytes, *, chunk: int = 64 * 1024) -> str:
    judge = ContentJudge()
    for start in range(0, len(content), chunk):
        judge.feed(content[start : start + chunk])
    return judge.verdict()


def png() -> bytes:
    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = block(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + block(b"IDAT", zlib.compress(b"\0\0")) + block(b"IEND", b"")


JPEG_FILE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + bytes(200) + b"\xff\xd9"
GIF_FILE = b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + bytes(6) + b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x00\x3b"
WEBP_FILE = b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(18)
PDF_FILE = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"

ACCEPTED = {
    PNG: png(),
    JPEG: JPEG_FILE,
    GIF: GIF_FILE,
    WEBP: WEBP_FILE,
    PDF: PDF_FILE,
    TEXT: "Blood pressure 120/80\n血压 120/80\r\n".encode(),
}


@pytest.mark.parametrize("content_type", ACCEPTED)
@pytest.mark.parametrize("chunk", [1, 7, 65536])
def test_recognises_what_is_accepted_however_it_arrives(content_type: str, chunk: int) -> None:
    assert judged(ACCEPTED[content_type], chunk=chunk) == content_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        b"\xef\xbb\xbf \n\t<HTML><body onload=alert(1)>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><svg/>",
        b"<!-- --><img src=x onerror=alert(1)>",
        b"some words first\n<script>alert(1)</script>",
        b"MZ\x90\x00\x03\x00",
        b"\x7fELF\x02\x01\x01",
        b"PK\x03\x04\x14\x00",
        b"\x1f\x8b\x08\x00",
        b"\x00\x00\x00\x18ftypheic",
        b"\x1a\x45\xdf\xa3",
        b"plain\x00text",
        b"escape \x1b[2J",
        "GBK 中文".encode("gbk"),
        "half a character 中".encode()[:-1],
        "中文".encode("utf-16"),
    ],
)
def test_refuses_everything_else(content: bytes) -> None:
    with pytest.raises(FileRefused):
        judged(content)


@pytest.mark.parametrize(
    "polyglot",
    [
        b"GIF89a/*" + bytes(40) + b"*/=1;alert(1)",
        b"\xff\xd8\xff/*" + b" " * 100 + b"*/alert(1)",
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        b"RIFF\x00\x00\x00\x00WEBP<svg onload=alert(1)>",
        b"%PDF-<script>alert(1)</script>",
        b" " + PDF_FILE,
        b"<html><!--" + png() + b"--></html>",
    ],
)
def test_refuses_scripts_and_pages_dressed_as_pictures(polyglot: bytes) -> None:
    with pytest.raises(FileRefused):
        judged(polyglot)


def test_a_script_that_begins_like_a_picture_is_no_picture() -> None:
    assert judged(b"GIF89a=1;alert(document.domain);//" + b" " * 800) == TEXT


def test_markup_deep_inside_plain_text_stays_plain_text_and_binary_deep_inside_is_refused() -> None:
    long_text = b"pain since monday\n" * 200
    assert judged(long_text + b"<b>") == TEXT
    with pytest.raises(FileRefused):
        judged(long_text + b"\xff\xfe")


def test_text_may_say_less_than_and_send_hearts() -> None:
    assert judged(b"<3 thank you, HbA1c < 7") == TEXT


@given(st.binary(max_size=3000), st.integers(1, 4000))
def test_the_verdict_does_not_depend_on_how_the_bytes_arrive(content: bytes, chunk: int) -> None:
    def verdict(size: int) -> str:
        try:
            return judged(content, chunk=size)
        except FileRefused:
            return "refused"

    assert verdict(chunk) == verdict(10_000)
