"""What checking an archived recording against what was signed can find."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.ids import ConsultationId


class FaultKind(StrEnum):
    """Why a recording is not proven any more; the interface has words for each."""

    UNSIGNED = "unsigned"  # there is no manifest
    SIGNATURE = "signature"  # the statement is not what the key signed
    KEY_UNKNOWN = "key_unknown"  # signed by no key of this installation
    KEY_RETIRED = "key_retired"  # signed by a key whose time was over, or had not begun
    MANIFEST = "manifest"  # the manifest is not what the statement says
    AUDIT_MISSING = "audit_missing"  # the access log does not have the statement
    AUDIT_BROKEN = "audit_broken"  # the access log was changed, there or before
    SEGMENT_MISSING = "segment_missing"
    SEGMENT_CHANGED = "segment_changed"
    SEGMENT_FOREIGN = "segment_foreign"  # a file or row that the manifest does not know
    CHAIN = "chain"  # the segments of a track do not follow from each other
    FILM_UNSIGNED = "film_unsigned"
    FILM_MISSING = "film_missing"
    FILM_CHANGED = "film_changed"
    STORAGE = "storage"  # what is stored can't be read at the moment: nothing is proven or disproven


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong. `file` is the blob, row or document in which it is."""

    kind: FaultKind
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check of one consultation's archive found."""

    consultation: ConsultationId
    fault: Fault | None
    segments: int  # whose bytes were read and agree
    size_bytes: int  # of those, as stored
    key: str = ""  # which signed the manifest
    signed_at: datetime | None = None
    destroyed_at: datetime | None = None  # then no bytes are there to be compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The newest check of a consultation's archive, as it is remembered."""

    at: datetime
    fault: Fault | None
    segments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """What is known of how trustworthy a consultation's archive is."""

    signed_at: datetime | None  # None: no manifest yet
    key: str
    root: str  # the Merkle root, in hex
    destroyed_at: datetime | None  # the recording, because its time was over
    check: Check | None
