"""Unguessable identifiers, one `NewType` for each concept."""

import secrets
from typing import Final, NewType

UserId = NewType("UserId", str)  # usr_…  an account that signs in
PatientId = NewType("PatientId", str)  # pat_…  a person with a medical record
DepartmentId = NewType("DepartmentId", str)  # dep_…
ConsultationId = NewType("ConsultationId", str)  # con_…
InvitationId = NewType("InvitationId", str)  # inv_…  a link that opens one consultation
ParticipantId = NewType("ParticipantId", str)  # a UserId, PatientId or InvitationId, as seen inside a room
ConnectionId = NewType("ConnectionId", str)  # cnx_…  one socket of one participant
RoomId = NewType("RoomId", str)  # the ConsultationId it belongs to, unchanged
MessageId = NewType("MessageId", str)  # made by the browser, 8 to 64 characters
AttachmentId = NewType("AttachmentId", str)  # att_…
HoldId = NewType("HoldId", str)  # hld_…  a legal hold
CustodianKeyId = NewType("CustodianKeyId", str)  # SHA-256 of a custodian's public key, in hex
DestructionId = NewType("DestructionId", str)  # dst_…  a proposal to destroy what is due
ReleaseId = NewType("ReleaseId", str)  # rls_…  somebody asks custodians to open a recording
RecordingId = NewType("RecordingId", str)  # rec_…
SessionId = NewType("SessionId", str)  # ses_…  one sign-in (a family of refresh tokens)
EntryId = NewType("EntryId", str)  # ent_…  one line of a patient's history

_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # 31 letters that nobody misreads
_LENGTH: Final = 26  # 26 x log2(31) = 128.8 bits


def new_id(prefix: str) -> str:
    """Return `prefix_` followed by 26 random letters (128 bits)."""
    return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
