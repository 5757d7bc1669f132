"""What a room refuses, each with a stable code. States that must look like absence share the code of `NotFound`."""

from kernel.errors import AppError, NotFound


class RoomEnded(NotFound):
    """The visit is finished; told in the words of an absent room."""


class RoomFull(NotFound):
    """Every seat is taken; told in the words of an absent room."""


class NotSeated(AppError):
    """The person has no open seat in a room: never entered, hung up, or another tab took over."""

    code = "room.not_seated"
    message = "Enter the consultation first."
    status = 409


class NotAdmitted(AppError):
    """The person is still, or again, in the waiting room."""

    code = "room.not_admitted"
    message = "The doctor has not admitted you yet."
    status = 403


class NotPermitted(AppError):
    """The person is in the room, but this is for its clinician only, or never."""

    code = "room.not_permitted"
    message = "Only the doctor of this consultation can do this."
    status = 403


class ConsentMissing(AppError):
    """Somebody admitted has not agreed to be recorded. Who, is never said here."""

    code = "room.consent_missing"
    message = "Not everybody in the call has agreed to be recorded."
    status = 409


class TrackAbsent(AppError):
    """The track that shall be changed is not published."""

    code = "room.track_absent"
    message = "This microphone, camera or screen is not being sent."
    status = 409


class RoomExhausted(AppError):
    """The room's log has reached its limit: only what ends or restricts something is still accepted."""

    code = "room.exhausted"
    message = "This consultation has become too long. Please finish it and begin another one."
    status = 409
