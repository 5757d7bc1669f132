"""A file that somebody sent within a consultation, as the clinic keeps it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kernel.errors import AppError
from kernel.ids import AttachmentId, ConsultationId, ParticipantId

FILE_LIMIT_BYTES: Final = 20 * 1024 * 1024
CONSULTATION_LIMIT_BYTES: Final = 200 * 1024 * 1024
CONSULTATION_LIMIT_FILES: Final = 200


class AttachmentsFull(AppError):
    """All files of one consultation together have reached their limit."""

    code = "attachment.full"
    message = "This consultation can hold no more files."
    status = 409


class StorageFailed(AppError):
    """The disk did not take what was sent."""

    code = "storage_failed"
    message = "The file could not be stored. Please try again later."
    status = 507


@dataclass(frozen=True, slots=True)
class StoredFile:
    """`content_type` was judged from the content; `sha256` and `size_bytes` are of the file before encryption."""

    id: AttachmentId
    consultation: ConsultationId
    uploader: ParticipantId
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    blob: str
    created_at: datetime
