"""Checks a package that Consilium handed out: nothing in it was changed since, and the clinic's key signed it.

    python3 verify.py [FOLDER] [--key PUBLIC_KEY ...]

FOLDER is the unpacked package (without: where this file lies). PUBLIC_KEY is a public key of the clinic in hex, from
where the clinic publishes them: without it the check proves only that the package agrees with itself. Needs Python 3.9
or newer and nothing else, and no network. Exit status: 0 sound, 1 a fault, which is named with its file.

The format is in docs/ARCHIVE.md of Consilium. In each package this file is verify.py, so it imports nothing of ours.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

STATEMENT = b"consilium-statement/1\n"
READ_BYTES = 1 << 20


class Fault(Exception):
    """The package is not what was signed; says in which file."""


def check(folder: Path, published: list[str] | None = None) -> list[str]:
    """Return what was proven, as sentences. Raises `Fault` at the first thing that is wrong."""
    keys = _keys(folder, published)
    package = _statement(folder, "package", keys)
    _check_files(folder, package["files"])
    manifest = _statement(folder, "manifest", keys)
    media, media_root, media_leaves = _document(folder, "media")
    record, record_root, record_leaves = _document(folder, "record")
    signed = (manifest["root"], manifest["media"]["root"], manifest["media"]["leaves"])
    if signed != (_node(media_root, record_root).hex(), media_root.hex(), media_leaves):
        raise Fault("manifest/media.json is not what was signed")
    if (manifest["record"]["root"], manifest["record"]["leaves"]) != (record_root.hex(), record_leaves):
        raise Fault("manifest/record.json is not what was signed")
    _check_segments(folder, media["segments"])
    attachments = _check_attachments(folder, record["messages"])
    told = [
        f"consultation {manifest['consultation']}, signed {manifest['signed_at']} by key {manifest['key']}",
        f"{len(media['segments'])} segments of the recording and {attachments} attachments are those of that time",
        f"{record_leaves} entries of the record (people, consents, messages, events) are those of that time",
    ]
    if (folder / "statements/film.json").exists():
        film = _statement(folder, "film", keys)
        _check_file(folder, "film.webm", film["sha256"])
        told.append(f"film.webm is the film that was signed {film['signed_at']}")
    _check_log(folder)
    told.append(f"handed out {package['signed_at']}; {len(package['files'])} files, none added, missing or changed")
    if published is None:
        told.append("NOT PROVEN: whose key this is. Compare the key with the clinic's published one: give --key")
    return told


# Keys and statements --------------------------------------------------------------------------------------------------


def _keys(folder: Path, published: list[str] | None) -> dict[str, bytes]:
    keys = {}
    try:
        for key in json.loads(_read(folder, "keys.json"))["keys"]:
            raw = bytes.fromhex(key["public"])
            if hashlib.sha256(raw).hexdigest()[:32] != key["id"]:
                raise Fault("keys.json: a key does not have its id")
            keys[key["id"]] = raw
    except (ValueError, KeyError, TypeError):
        raise Fault("keys.json has no keys") from None
    if published is not None:
        keys = {name: raw for name, raw in keys.items() if raw.hex() in published}
    return keys


def _statement(folder: Path, kind: str, keys: dict[str, bytes]) -> dict[str, Any]:
    name = f"statements/{kind}.json"
    text = _read(folder, name)
    content = _canonical_content(name, text)
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise Fault(f"{name} is no statement of its kind")
    raw = keys.get(str(content.get("key")))
    if raw is None:
        raise Fault(f"{name} was signed by another key: {content.get('key')}")
    try:
        signature = bytes.fromhex(_read(folder, f"statements/{kind}.sig").decode())
    except ValueError:
        raise Fault(f"statements/{kind}.sig is no signature") from None
    if not ed25519_verifies(raw, STATEMENT + text, signature):
        raise Fault(f"{name} is not what the key signed")
    return content


# The manifest ---------------------------------------------------------------------------------------------------------


def _document(folder: Path, name: str) -> tuple[dict[str, Any], bytes, int]:
    path = f"manifest/{name}.json"
    document = _canonical_content(path, _read(folder, path))
    if not isinstance(document, dict):
        raise Fault(f"{path} is no manifest")
    leaves = [
        hashlib.sha256(b"\x00" + _canonical([section, position, entry])).digest()
        for section in sorted(document)
        for position, entry in enumerate(document[section])
    ]
    return document, _root(leaves), len(leaves)


def _root(level: list[bytes]) -> bytes:
    """Return the root of a Merkle tree as in RFC 6962, section 2.1."""
    if not level:
        return hashlib.sha256().digest()
    while len(level) > 1:
        level = [_node(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _canonical_content(name: str, text: bytes) -> Any:
    try:
        content = json.loads(text)
    except ValueError:
        raise Fault(f"{name} is not JSON") from None
    if _canonical(content) != text:
        raise Fault(f"{name} is not in the form that is signed")
    return content


# Files ----------------------------------------------------------------------------------------------------------------


def segment_path(entry: dict[str, Any]) -> str:
    """Return where a segment of the manifest lies in a package."""
    return f"segments/{entry['participant']}-{entry['source']}-{entry['index']:05}.webm"


def attachment_path(attachment: str) -> str:
    """Return where a file that was sent lies in a package; its name is in the manifest."""
    return f"attachments/{attachment}"


def _check_files(folder: Path, files: dict[str, str]) -> None:
    for name, sha256 in files.items():
        _check_file(folder, name, sha256)
    itself = {"statements/package.json", "statements/package.sig"}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in files and name not in itself:
            raise Fault(f"{name} was not in the package")


def _check_segments(folder: Path, entries: list[dict[str, Any]]) -> None:
    newest: dict[tuple[str, str], str] = {}
    for entry in sorted(entries, key=lambda entry: int(entry["index"])):
        _check_file(folder, segment_path(entry), entry["sha256"])
        track = (entry["participant"], entry["source"])
        if entry["previous_sha256"] not in ("", newest.get(track, "")):
            raise Fault(f"{segment_path(entry)} does not follow from the one before it")
        newest[track] = entry["sha256"]


def _check_attachments(folder: Path, messages: list[dict[str, Any]]) -> int:
    count = 0
    for message in messages:
        for attachment in message["fact"]["attachments"]:
            if attachment["sha256"] is not None:
                _check_file(folder, attachment_path(attachment["id"]), attachment["sha256"])
                count += 1
    return count


def _check_log(folder: Path) -> None:
    """Check that each entry of the access log has the hash that follows from the one before it."""
    for entry in json.loads(_read(folder, "access-log.json"))["entries"]:
        told = json.dumps(entry["entry"], ensure_ascii=True, separators=(",", ":")).encode()
        if hashlib.sha256(bytes.fromhex(entry["previous"]) + told).hexdigest() != entry["hash"]:
            raise Fault(f"access-log.json: entry {entry['entry'][0]} was changed")


def _check_file(folder: Path, name: str, sha256: str) -> None:
    digest = hashlib.sha256()
    try:
        with _within(folder, name).open("rb") as content:
            while chunk := content.read(READ_BYTES):
                digest.update(chunk)
    except OSError:
        raise Fault(f"{name} is missing") from None
    if digest.hexdigest() != sha256:
        raise Fault(f"{name} was changed")


def _read(folder: Path, name: str) -> bytes:
    try:
        return _within(folder, name).read_bytes()
    except OSError:
        raise Fault(f"{name} is missing") from None


def _within(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if folder.resolve() not in path.parents:
        raise Fault(f"{name} is outside of the package")
    return path


# Ed25519, the verifying half of RFC 8032, section 5.1: nothing has to be installed -----------------------------------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the private half of `public` (32 bytes) signed exactly `message`."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, nonce, scalar = _decoded(public), _decoded(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _ORDER
    base = _decoded(bytes.fromhex("58" + "66" * 31))
    assert base is not None, "the base point is on the curve"
    left, right = _times(scalar, base), _sum(nonce, _times(challenge, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


def _decoded(encoded: bytes) -> _Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_MINUS_1 % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _sum(left: _Point, right: _Point) -> _Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * left[3] * right[3] * _D % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _sum(total, point)
        point = _sum(point, point)
        scalar >>= 1
    return total


def main() -> int:
    """Check the package that the command line names."""
    parser = argparse.ArgumentParser(description="Check a package that Consilium handed out.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--key", action="append", help="a public key of the clinic, in hex, as it is published")
    options = parser.parse_args()
    try:
        for proven in check(options.folder, options.key):
            sys.stdout.write(f"{proven}\n")
    except Fault as fault:
        sys.stderr.write(f"FAULT: {fault}\n")
        return 1
    sys.stdout.write("SOUND\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
