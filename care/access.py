"""The one policy: who may do what to whose data. Pure, and everything it does not name is refused.

HTTP routes and room events ask here and nowhere else. From outside, refused looks like absent.
"""

from enum import StrEnum
from typing import Final

from care.consultation import Consultation
from identity.principal import Principal, Role
from kernel.errors import NotFound
from kernel.ids import PatientId


class Action(StrEnum):
    """Everything that is asked for; the words stand in the access log."""

    CONSULTATION_READ = "consultation.read"
    CONSULTATION_CREATE = "consultation.create"
    CONSULTATION_CANCEL = "consultation.cancel"
    ROOM_ENTER = "room.enter"
    INVITATION_READ = "invitation.read"
    INVITATION_CREATE = "invitation.create"
    INVITATION_REVOKE = "invitation.revoke"
    ATTACHMENT_ADD = "attachment.add"
    ATTACHMENT_READ = "attachment.read"
    MESSAGES_READ = "messages.read"  # that were left for oneself
    PATIENT_SEARCH = "patient.search"
    PATIENT_READ = "patient.read"
    PATIENT_MANAGE = "patient.manage"
    HISTORY_READ = "history.read"
    HISTORY_WRITE = "history.write"
    NOTE_READ = "note.read"  # once signed
    NOTE_READ_DRAFT = "note.read_draft"
    NOTE_WRITE = "note.write"
    NOTE_SIGN = "note.sign"
    NOTE_AMEND = "note.amend"
    ARCHIVE_SEARCH = "archive.search"
    ARCHIVE_READ = "archive.read"  # timeline, messages, consents
    ARCHIVE_ACCESSES = "archive.accesses"  # who saw or changed what of a visit
    ARCHIVE_EXPORT = "archive.export"  # hand everything that is kept of a visit out of the clinic
    ARCHIVE_VERIFY = "archive.verify"  # check what is stored against what was signed
    ARCHIVE_DESTROY = "archive.destroy"  # what was kept for as long as it must be
    DESTRUCTION_CHANGE = "destruction.change"  # propose, confirm or decline to destroy what is due
    RETENTION_READ = "retention.read"  # see what is due to be destroyed
    CUSTODIAN_KEY_CHANGE = "custodian_key.change"  # propose, confirm, retire the key of a custodian
    RELEASE_ASK = "release.ask"  # for a recording that is in custody, and take that back
    RELEASE_ANSWER = "release.answer"  # give one's part of what opens it, or decline
    HOLD_CHANGE = "hold.change"  # ask for, confirm, withdraw or lift a legal hold
    RECORDING_VIEW = "recording.view"
    RECORDING_COMPOSE = "recording.compose"
    PEOPLE_MANAGE = "people.manage"
    AUDIT_READ = "audit.read"
    NODE_READ = "node.read"


class Relationship(StrEnum):
    """What the person has to do with the consultation or patient in question."""

    NONE = "none"  # nothing, or the question is about none in particular
    SELF = "self"  # it is their own
    HOLDS = "holds"  # the consultation's clinician
    TREATS = "treats"  # a clinician who has or had another consultation with the patient
    INVITED = "invited"  # a guest whose link opens exactly this consultation


_A: Final = Action

_ALLOWED: Final[dict[tuple[Role, Relationship], frozenset[Action]]] = {
    (Role.PATIENT, Relationship.SELF): frozenset(
        {
            _A.CONSULTATION_READ,
            _A.ROOM_ENTER,
            _A.ATTACHMENT_ADD,
            _A.ATTACHMENT_READ,
            _A.MESSAGES_READ,
            _A.PATIENT_READ,
            _A.HISTORY_READ,
            _A.NOTE_READ,
        }
    ),
    (Role.GUEST, Relationship.INVITED): frozenset({_A.ROOM_ENTER, _A.ATTACHMENT_ADD, _A.ATTACHMENT_READ}),
    (Role.CLINICIAN, Relationship.NONE): frozenset({_A.PATIENT_SEARCH, _A.ARCHIVE_SEARCH}),
    (Role.CLINICIAN, Relationship.TREATS): frozenset(
        {
            _A.PATIENT_SEARCH,
            _A.ARCHIVE_SEARCH,
            _A.CONSULTATION_READ,
            _A.ATTACHMENT_READ,
            _A.PATIENT_READ,
            _A.HISTORY_READ,
            _A.HISTORY_WRITE,
            _A.NOTE_READ,
            _A.ARCHIVE_READ,
            _A.RECORDING_VIEW,
            _A.RELEASE_ASK,
        }
    ),
    (Role.CLINICIAN, Relationship.HOLDS): frozenset(
        {
            _A.PATIENT_SEARCH,
            _A.ARCHIVE_SEARCH,
            _A.CONSULTATION_READ,
            _A.CONSULTATION_CREATE,
            _A.CONSULTATION_CANCEL,
            _A.ROOM_ENTER,
            _A.INVITATION_READ,
            _A.INVITATION_CREATE,
            _A.INVITATION_REVOKE,
            _A.ATTACHMENT_ADD,
            _A.ATTACHMENT_READ,
            _A.PATIENT_READ,
            _A.HISTORY_READ,
            _A.HISTORY_WRITE,
            _A.NOTE_READ,
            _A.NOTE_READ_DRAFT,
            _A.NOTE_WRITE,
            _A.NOTE_SIGN,
            _A.NOTE_AMEND,
            _A.ARCHIVE_READ,
            _A.RECORDING_VIEW,
            _A.RECORDING_COMPOSE,
            _A.RELEASE_ASK,
        }
    ),
    (Role.CUSTODIAN, Relationship.NONE): frozenset(
        {
            _A.CONSULTATION_READ,
            _A.ATTACHMENT_READ,
            _A.NOTE_READ,
            _A.ARCHIVE_SEARCH,
            _A.ARCHIVE_READ,
            _A.ARCHIVE_EXPORT,
            _A.ARCHIVE_VERIFY,
            _A.ARCHIVE_ACCESSES,
            _A.HOLD_CHANGE,
            _A.CUSTODIAN_KEY_CHANGE,
            _A.RELEASE_ASK,
            _A.RELEASE_ANSWER,
            _A.RETENTION_READ,
            _A.DESTRUCTION_CHANGE,
            _A.RECORDING_VIEW,
            _A.RECORDING_COMPOSE,
        }
    ),
    (Role.ADMINISTRATOR, Relationship.NONE): frozenset(
        {
            _A.CONSULTATION_READ,
            _A.CONSULTATION_CREATE,
            _A.CONSULTATION_CANCEL,
            _A.INVITATION_READ,
            _A.INVITATION_CREATE,
            _A.INVITATION_REVOKE,
            _A.PATIENT_SEARCH,
            _A.PATIENT_READ,
            _A.PATIENT_MANAGE,
            _A.PEOPLE_MANAGE,
            _A.AUDIT_READ,
            _A.NODE_READ,
        }
    ),
}


class AccessRefused(NotFound):
    """The policy says no. Told in the words of absence; who catches it inside notes what was refused."""

    def __init__(self, action: Action, *, object_type: str, object_id: str) -> None:
        super().__init__()
        self.action = action
        self.object_type = object_type
        self.object_id = object_id


def may(principal: Principal, action: Action, relationship: Relationship = Relationship.NONE) -> bool:
    """Whether `principal`, standing in `relationship` to what is asked for, may do `action`."""
    return action in _ALLOWED.get((principal.role, relationship), frozenset())


def require(
    principal: Principal,
    action: Action,
    relationship: Relationship = Relationship.NONE,
    *,
    object_type: str = "clinic",
    object_id: str = "-",
) -> None:
    """Raise `AccessRefused` unless `may`."""
    if not may(principal, action, relationship):
        raise AccessRefused(action, object_type=object_type, object_id=object_id)


def to_consultation(principal: Principal, consultation: Consultation, *, treats: bool = False) -> Relationship:
    """Return what `principal` has to do with a consultation. `treats`: a clinician who has another with its patient.

    Proof that opens one consultation opens no other, not even the same patient's.
    """
    if principal.consultation is not None and principal.consultation != consultation.id:
        return Relationship.NONE
    match principal.role:
        case Role.PATIENT if principal.patient == consultation.patient:
            return Relationship.SELF
        case Role.GUEST if principal.consultation == consultation.id:
            return Relationship.INVITED
        case Role.CLINICIAN if principal.subject == consultation.clinician:
            return Relationship.HOLDS
        case Role.CLINICIAN if treats:
            return Relationship.TREATS
        case _:
            return Relationship.NONE


def to_patient(principal: Principal, patient: PatientId, *, treats: bool = False) -> Relationship:
    """Return what `principal` has to do with a patient's whole record. A link to one consultation does not open it."""
    if principal.consultation is not None:
        return Relationship.NONE
    if principal.role is Role.PATIENT and principal.patient == patient:
        return Relationship.SELF
    if principal.role is Role.CLINICIAN and treats:
        return Relationship.TREATS
    return Relationship.NONE
