"""The one family of errors that may be told to a client."""

from typing import ClassVar


class AppError(Exception):
    """An outcome with a stable code, a sentence that is safe to show, and the HTTP status it maps to.

    Subclasses set the class variables; `detail` may add which field was wrong, never patient data.
    """

    code: ClassVar[str] = "internal"
    message: ClassVar[str] = "Something went wrong on our side. Please try again."
    status: ClassVar[int] = 500

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.message)
        self.detail = detail


class Invalid(AppError):
    """The input breaks a rule that the sender can read in the documentation."""

    code = "invalid"
    message = "The server could not read what was sent."
    status = 400


class NotFound(AppError):
    """Absent, or not for the one who asks: from outside the two look the same."""

    code = "not_found"
    message = "There is nothing here, or it is not open to you."
    status = 404


class SignInRequired(AppError):
    """No valid proof of identity came with the request."""

    code = "sign_in_required"
    message = "Please sign in again."
    status = 401


class Conflict(AppError):
    """Somebody changed the same thing first."""

    code = "conflict"
    message = "This was changed elsewhere. Reload to see the newest version."
    status = 409


class TooLarge(AppError):
    """More bytes than the documented limit."""

    code = "too_large"
    message = "This is larger than the server accepts."
    status = 413


class Overloaded(AppError):
    """Refused early, before anything was done; trying later is right."""

    code = "overloaded"
    message = "The server is busy. Please try again in a moment."
    status = 503
