"""Passwords: which are accepted, and how they are hashed (argon2id, RFC 9106). Hashing blocks for about 0.1 s."""

import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from kernel.errors import AppError

SHORTEST: Final = 12  # NIST SP 800-63B: length matters, composition rules do not
LONGEST: Final = 256
DEMONSTRATION_PASSWORD: Final = "consilium-demo"  # noqa: S105 - published, and refused in a real installation

_FEWEST_DIFFERENT: Final = 5
_TOO_WELL_KNOWN: Final = (  # what remains of the usual lists at this length
    DEMONSTRATION_PASSWORD,
    "administrator",
    "123456789012",
    "1234567890123",
    "passwordpassword",
    "password1234",
    "password12345",
    "qwertyuiop12",
    "qwertyuiopas",
    "iloveyou1234",
    "consultation",
)
_hasher: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

# Of a random password nobody knows: an unknown login costs the same time as a wrong password.
NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$EYFMZfWwPHkbs6g5tYVo1w$Y+VeILpWzTYaNOf+tJxJdNT5UBfFmQ6r7S5t7X8iwno"
)


class PasswordRefused(AppError):
    """A new password breaks a rule; `detail` says which."""

    code = "password.refused"
    message = "Please choose another password."
    status = 400


def check_new(password: str, *, login: str, demonstration: bool = False) -> None:
    """Raise `PasswordRefused` unless `password` is fit for a real account, or is the demonstration's own in one."""
    if demonstration and password == DEMONSTRATION_PASSWORD:
        return
    plain = _normal(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise PasswordRefused(f"between {SHORTEST} and {LONGEST} characters")
    if not _encodable(plain):
        raise PasswordRefused("characters only")
    folded = plain.casefold()
    if folded in _TOO_WELL_KNOWN or len(set(folded)) < _FEWEST_DIFFERENT:
        raise PasswordRefused("too easy to guess")
    if login and login.casefold() in folded and len(folded) - len(login) < SHORTEST:
        raise PasswordRefused("must not contain the sign-in name")


def hash_of(password: str) -> str:
    """Return the argon2id hash to store, with its parameters and salt."""
    return _hasher.hash(_normal(password))


def matches(password_hash: str, password: str) -> bool:
    """Whether `password` is the one that was hashed."""
    plain = _normal(password)
    if len(plain) > LONGEST or not _encodable(plain):
        return False
    try:
        return _hasher.verify(password_hash, plain)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether today's parameters are stronger than those of the hash."""
    return _hasher.check_needs_rehash(password_hash)


def _normal(password: str) -> str:
    """Return the same characters for the same keys, whatever the keyboard composed them of."""
    return unicodedata.normalize("NFKC", password)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
