"""How fast an archive is checked: every segment of many signed visits, against what was signed.

    python -m benchmarks.archive --json

A hundred visits of a thousand segments each are signed, then checked through `ArchiveVerifier`, as `python -m server
archive verify --all` does. The floor reads and hashes the same files with nothing else, in alternation with it:
`verify_over_floor` is the time of one over that of the other. `segments_per_s` counts segments whose bytes were
compared. What is in a segment makes no difference to a check, so they are random bytes of 16 KiB, in the page cache.
"""

import argparse
import asyncio
import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from sqlalchemy import delete, insert, update

from benchmarks.archive_search import LAST, filled
from benchmarks.report import report
from care.recording import Recording, RecordingState, Segment
from kernel.clock import utc_now
from kernel.ids import ConsultationId, ParticipantId
from records.blobs import BlobStore
from records.engine import Database
from records.event_log import SqlEventLog
from records.key_ring import KeyRing
from records.key_shares import KeyShares
from records.manifest_signing import ManifestSigner
from records.migrations import migrate
from records.sealing import Sealer
from records.signing_keys import SigningKeys
from records.tables import recordings, segments
from records.unit_of_work import SqlStore
from records.verification import ArchiveVerifier
from rooms.events import Source

_VISITS: Final = 100
_SEGMENTS: Final = 100_000
_SEGMENT_BYTES: Final = 16 * 1024
_SEGMENT_S: Final = 10
_DOCTOR: Final = ParticipantId("usr_benchmark")


def recording_of(consultation: ConsultationId) -> Recording:
    """Return a recording without a film."""
    return Recording(
        id=f"rec_{consultation}",  # type: ignore[arg-type]
        consultation=consultation,
        state=RecordingState.FAILED,
        started_at=LAST,
    )


def recorded(recording: Recording, count: int, blobs: BlobStore) -> list[Segment]:
    """Write the files of one track."""
    (blobs.root / "segments" / recording.consultation).mkdir(parents=True, exist_ok=True)
    made: list[Segment] = []
    for index in range(count):
        blob, content = f"segments/{recording.consultation}/{index:05}", os.urandom(_SEGMENT_BYTES)
        (blobs.root / blob).write_bytes(content)
        segment = Segment(
            recording=recording.id,
            participant=_DOCTOR,
            source=Source.CAMERA,
            index=index,
            codec="vp8",
            container="video/webm",
            started_at=LAST + timedelta(seconds=index * _SEGMENT_S),
            duration_ms=_SEGMENT_S * 1000,
            frames=_SEGMENT_S * 30,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            blob=blob,
            closed=True,
            previous_sha256=made[-1].sha256 if made else "",
        )
        made.append(segment)
    return made


def floor(files: Sequence[Path]) -> float:
    """Return the seconds that reading and hashing alone takes."""
    began = perf_counter()
    for file in files:
        with file.open("rb") as content:
            hashlib.file_digest(content, "sha256")
    return perf_counter() - began


async def measured(directory: Path, *, visits: int, count: int, runs: int) -> list[dict[str, float]]:
    """Fill, sign and check."""
    url = f"sqlite:///{directory / 'consilium.db'}"
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    await database.open()
    try:
        secret = directory / "keys"
        sealer = Sealer(database, KeyRing.load_or_create(secret / "records.json"), KeyShares(secret / "shares.db"))
        store, log = SqlStore(database, sealer, utc_now), SqlEventLog(database, sealer)
        blobs = BlobStore(directory / "blobs")
        keys = SigningKeys.load_or_create(directory / "keys" / "archive.json", at=utc_now())
        recorded_visits = [recording_of(ConsultationId(f"con_{number}")) for number in range(visits)]
        async with database.write() as connection:
            await connection.run(lambda raw: filled(raw, visits))
            await connection.execute(delete(recordings))
            await connection.execute(insert(recordings), [asdict(one) for one in recorded_visits])
            for one in recorded_visits:
                made = await asyncio.to_thread(recorded, one, count // visits, blobs)
                await connection.execute(insert(segments), [asdict(segment) for segment in made])
            await connection.execute(update(recordings).values(stopped_at=LAST))
        signer, verifier = ManifestSigner(store, log, blobs, keys), ArchiveVerifier(store, blobs, keys)
        began = perf_counter()
        for one in recorded_visits:
            await signer.sign_manifest(one)
        sign_s = perf_counter() - began
        files = sorted(path for path in blobs.root.rglob("*") if path.is_file())
        return [await _run(verifier, recorded_visits, files, sign_s) for _ in range(runs)]
    finally:
        await database.close()


async def _run(
    verifier: ArchiveVerifier, visits: Sequence[Recording], files: Sequence[Path], sign_s: float
) -> dict[str, float]:
    floor_s = await asyncio.to_thread(floor, files)
    began = perf_counter()
    chain = await verifier.chain()
    verdicts = [await verifier.verify(one.consultation, chain) for one in visits]
    verify_s = perf_counter() - began
    assert all(verdict.fault is None for verdict in verdicts), "everything is sound"
    assert sum(verdict.segments for verdict in verdicts) == len(files), "every segment was compared"
    return {
        "segments": len(files),
        "segments_per_s": len(files) / verify_s,
        "verify_over_floor": verify_s / floor_s,
        "sign_segments_per_s": len(files) / sign_s,
    }


def main() -> None:
    """Measure and report medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=_SEGMENTS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="accepted for the sake of all benchmarks: always JSON")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        runs = asyncio.run(measured(Path(name), visits=_VISITS, count=options.segments, runs=options.runs))
    report("archive", {key: median(run[key] for run in runs) for key in runs[0]}, runs)


if __name__ == "__main__":
    main()
