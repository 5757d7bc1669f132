"""What is handed out for a court: complete, checked by the script that lies in it, and nothing can be changed in it."""

import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import Overloaded
from records.package import PACKAGES_LIMIT, ArchivePackager
from records.package_check import Fault, check, ed25519_verifies
from tests.signed_archive import FILM, SAID, SEGMENTS, SignedArchive, signed_archive
from tests.small_clinic import NOON, VISIT


@pytest.fixture
async def archive(tmp_path: Path, database_url: str) -> AsyncIterator[SignedArchive]:
    async with signed_archive(tmp_path, url=database_url) as archive:
        yield archive


def packager(archive: SignedArchive) -> ArchivePackager:
    return ArchivePackager(
        store=archive.clinic.store,
        log=archive.log,
        blobs=archive.blobs,
        media=archive.media,
        keys=archive.keys,
        signer=archive.signer,
    )


@pytest.fixture
async def package(archive: SignedArchive, tmp_path: Path) -> Path:
    """The package, unpacked."""
    written = io.BytesIO()
    await packager(archive).write(VISIT, written, at=NOON)
    with zipfile.ZipFile(written) as content:
        content.extractall(tmp_path)
    return tmp_path / f"consilium-{VISIT}"


def test_it_is_complete_and_its_own_script_finds_it_sound(archive: SignedArchive, package: Path) -> None:
    assert (package / "film.webm").read_bytes() == FILM
    assert len(list((package / "segments").iterdir())) == 2 * SEGMENTS
    for readable in ("transcript.html", "transcript.json", "manifest/record.json"):
        assert SAID in (package / readable).read_text()
    key = archive.keys.active.raw.hex()
    done = subprocess.run(
        [sys.executable, "-I", package / "verify.py", "--key", key], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("SOUND\n")
    assert "NOT PROVEN" not in done.stdout
    assert any("NOT PROVEN" in proven for proven in check(package))


def files(package: Path) -> list[str]:
    return sorted(path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file())


async def test_every_change_of_any_file_is_found(package: Path, tmp_path: Path) -> None:
    for name in files(package):
        spoiled = tmp_path / "spoiled"
        shutil.copytree(package, spoiled)
        content = bytearray((spoiled / name).read_bytes())
        content[len(content) // 2] ^= 1
        (spoiled / name).write_bytes(content)
        with pytest.raises(Fault, match=re.escape(Path(name).stem)):
            check(spoiled)
        (spoiled / name).unlink()
        with pytest.raises(Fault):
            check(spoiled)
        shutil.rmtree(spoiled)
    (package / "segments" / "more.webm").write_bytes(b"from elsewhere")
    with pytest.raises(Fault, match=r"segments/more\.webm"):
        check(package)


def test_another_clinics_key_signed_nothing_here(package: Path) -> None:
    with pytest.raises(Fault, match="another key"):
        check(package, [Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()])


async def test_what_can_not_be_read_leaves_no_package(archive: SignedArchive) -> None:
    archive.file((await archive.recording()).blob).unlink()
    written = io.BytesIO()
    with pytest.raises(FileNotFoundError):
        await packager(archive).write(VISIT, written, at=NOON)
    assert not zipfile.is_zipfile(written)


def test_who_finds_no_place_is_told_before_anything_is_written(archive: SignedArchive) -> None:
    handed_out = packager(archive)
    with ExitStack() as others:
        for _ in range(PACKAGES_LIMIT):
            others.enter_context(handed_out.place())
        with pytest.raises(Overloaded), handed_out.place():
            pytest.fail("one place too many")
    with handed_out.place():  # they are given back
        pass


async def test_a_reader_that_goes_away_ends_it(archive: SignedArchive) -> None:
    class Gone:
        def write(self, _data: bytes, /) -> int:
            raise ConnectionResetError

        def flush(self) -> None: ...

    with pytest.raises(ConnectionResetError):
        await packager(archive).write(VISIT, Gone(), at=NOON)
    assert archive.row("SELECT count(*) FROM signed_statements WHERE kind = 'package'") == (0,)


@settings(deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), place=st.integers(0, 95))
def test_the_scripts_signature_check_agrees_with_the_librarys(seed: bytes, message: bytes, place: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert ed25519_verifies(public, message, signature)
    changed = bytearray(public + signature)
    changed[place] ^= 1
    assert not ed25519_verifies(bytes(changed[:32]), message, bytes(changed[32:]))
    assert not ed25519_verifies(public, message + b"!", signature)
