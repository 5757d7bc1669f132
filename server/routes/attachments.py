"""Files sent within a consultation."""

from contextlib import aclosing
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from care.attachment import FILE_LIMIT_BYTES, AttachmentsFull, StorageFailed, StoredFile
from care.content_type import FileRefused
from identity.principal import Role
from kernel.errors import NotFound, Overloaded, TooLarge
from kernel.ids import AttachmentId
from server.downloads import stream_download
from server.endpoint import BodyTooSlow, Call, Input, Routes

routes = Routes()


class UploadQuery(Input):
    """`name` is what the sender calls the file; it is made safe, and its ending made to fit the content."""

    name: Annotated[str, Meta(max_length=1000)] = ""


class AttachmentView(msgspec.Struct, frozen=True):
    id: str
    name: str
    content_type: str
    size_bytes: int

    @classmethod
    def of(cls, file: StoredFile) -> "AttachmentView":
        return cls(file.id, file.name, file.content_type, file.size_bytes)


@routes.endpoint(
    "POST",
    "/api/v1/consultations/{consultation}/attachments",
    summary="Upload a file, to be sent with a message. Its type is judged from its content alone",
    tag="attachments",
    roles={Role.CLINICIAN, Role.PATIENT, Role.GUEST},
    query=UploadQuery,
    response=AttachmentView,
    errors=[NotFound, FileRefused, TooLarge, AttachmentsFull, BodyTooSlow, StorageFailed, Overloaded],
    status=201,
    raw_body=True,
)
async def upload_attachment(call: Call[UploadQuery, None]) -> AttachmentView:
    file = await call.services.attachments.receive(
        call.principal,
        call.consultation,
        name=call.query.name,
        chunks=call.chunks(limit_bytes=FILE_LIMIT_BYTES),
    )
    return AttachmentView.of(file)


@routes.endpoint(
    "GET",
    "/api/v1/consultations/{consultation}/attachments/{attachment}",
    summary="Download a file; it is never shown as a page",
    tag="attachments",
    roles={Role.CLINICIAN, Role.PATIENT, Role.GUEST, Role.CUSTODIAN},
    errors=[NotFound],
    response_type="application/octet-stream",
)
async def download_attachment(call: Call[None, None]) -> web.StreamResponse:
    attachments = call.services.attachments
    file = await attachments.find(call.principal, call.consultation, AttachmentId(call.path["attachment"]))
    async with aclosing(attachments.read(file)) as chunks:
        return await stream_download(
            call.request, chunks, name=file.name, content_type=file.content_type, size_bytes=file.size_bytes
        )
