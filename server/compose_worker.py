"""Composes one recording in a process of its own: `python -m server.compose_worker`, the job on standard input.

Segments hold what participants sent, so whatever a decoder makes of them happens here: without the server's memory, at
low priority, with a limit of memory and no core dump. The process ends with its parent, whose end closes the input.
"""

import errno
import os
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from media.composer import NothingToCompose, SegmentSource, TrackSource, compose
from records.blobs import BlobDamaged, BlobStore
from records.data_key import DataKey
from server.composition_job import LINE_LIMIT_BYTES, Answer, Done, Failed, Job, Progress, SegmentFile

_NICENESS: Final = 10
_MEMORY_LIMIT_BYTES: Final = 4 * 1024**3


def main() -> int:
    """Do the job and answer on standard output; 0 when it is done."""
    _confine()
    job = msgspec.json.decode(sys.stdin.buffer.readline(LINE_LIMIT_BYTES), type=Job)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer = _done(job)
    _say(answer)
    return 0 if isinstance(answer, Done) else 1


def _done(job: Job) -> Answer:
    store, key = BlobStore(Path(job.root)), DataKey(job.key)
    tracks = [
        TrackSource(
            track.participant,
            track.source,
            [
                SegmentSource(_opener(store, key, segment), segment.started_at, segment.duration_ms)
                for segment in track.segments
            ],
        )
        for track in job.tracks
    ]
    try:
        store.delete(job.output)  # what an earlier attempt left
        output = store.create_patchable(job.output, key)
        try:
            composed = compose(
                tracks, job.spans, cast("BinaryIO", output), progress=lambda percent: _say(Progress(percent))
            )
            digest = output.finish()
        except BaseException:
            output.discard()
            raise
    except NothingToCompose:
        return Failed("nothing_recorded")
    except OSError as error:
        return Failed("storage_full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "storage_failed")
    return Done(
        duration_ms=composed.duration_ms,
        size_bytes=digest.size_bytes,
        sha256=digest.sha256,
        damaged_segments=composed.damaged_segments,
        speech=list(composed.speech),
    )


def _opener(store: BlobStore, key: DataKey, segment: SegmentFile) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        reader = store.open(segment.blob, key, unfinished=True)  # one that a crash left has no end, but a known size
        if reader.size != segment.size_bytes:
            reader.close()
            raise BlobDamaged("the segment is shorter than the manifest says")
        return cast("BinaryIO", reader)

    return opened


def _say(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


def _confine() -> None:
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):  # not `sys.stdin`: its lock, held here, would abort our own good end
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
