"""Short-lived proofs of identity: JSON Web Tokens (RFC 7519) of one fixed algorithm, signed by a ring of secrets."""

from datetime import datetime, timedelta
from typing import Any, Final

import jwt

from identity.ports import SecretRing
from identity.principal import Principal, Role
from kernel.clock import Now
from kernel.errors import SignInRequired
from kernel.ids import ConsultationId, InvitationId, PatientId, SessionId, UserId

ACCESS_LIFETIME: Final = timedelta(minutes=10)
VIEWING_LIFETIME: Final = timedelta(minutes=30)

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "consilium"
_ACCESS: Final = "consilium"
_VIEWING: Final = "viewing"
_TYPES: Final = {_ACCESS: "at+jwt", _VIEWING: "viewing+jwt"}  # RFC 9068's idea: one kind can't pass for another
_TOKEN_CHARS: Final = 4096
_WEAKEST_SECRET_BYTES: Final = 32
_REQUIRED: Final = ["iss", "aud", "exp", "iat", "sub", "sid", "role", "name", "lang"]


class WeakSecret(Exception):
    """A signing secret is shorter than the digest it is used with."""


class TokenIssuer:
    """Issues and verifies tokens. Implements `identity.ports.TokenVerifier`.

    A secret that left the ring's active place still verifies what it signed until it is forgotten.
    """

    def __init__(self, ring: SecretRing, now: Now) -> None:
        for key_id in ring.ids:
            if len(ring.key(key_id)) < _WEAKEST_SECRET_BYTES:
                raise WeakSecret(f"secret {key_id} is shorter than {_WEAKEST_SECRET_BYTES} bytes")
        self._ring = ring
        self._now = now

    def access(self, principal: Principal) -> str:
        """Return a token that proves for ten minutes that its bearer is `principal`."""
        return self._issue(principal, audience=_ACCESS, lifetime=ACCESS_LIFETIME)

    def verify(self, token: str) -> Principal:
        """Return whom an access token was issued to, or raise `SignInRequired`."""
        return self._verify(token, audience=_ACCESS)

    def viewing(self, principal: Principal, consultation: ConsultationId) -> str:
        """Return a token that opens one archived consultation's media to `principal` for half an hour."""
        return self._issue(principal, audience=_VIEWING, lifetime=VIEWING_LIFETIME, viewing=consultation)

    def verify_viewing(self, token: str, consultation: ConsultationId) -> Principal:
        """Return whom a viewing token for exactly this consultation was issued to, or raise `SignInRequired`."""
        return self._verify(token, audience=_VIEWING, viewing=consultation)

    def _issue(
        self, principal: Principal, *, audience: str, lifetime: timedelta, viewing: ConsultationId | None = None
    ) -> str:
        issued = int(self._now().timestamp())
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            "aud": audience,
            "iat": issued,
            "exp": issued + int(lifetime.total_seconds()),
            "sub": principal.subject,
            "sid": principal.session,
            "role": principal.role.value,
            "name": principal.name,
            "lang": principal.language,
        }
        if principal.patient is not None:
            claims["patient"] = principal.patient
        if principal.consultation is not None:
            claims["consultation"] = principal.consultation
        if viewing is not None:
            claims["viewing"] = viewing
        key_id = self._ring.active
        headers = {"kid": key_id, "typ": _TYPES[audience]}
        return jwt.encode(claims, self._ring.key(key_id), algorithm=_ALGORITHM, headers=headers)

    def _verify(self, token: str, *, audience: str, viewing: ConsultationId | None = None) -> Principal:
        if len(token) > _TOKEN_CHARS:
            raise SignInRequired
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            if key_id not in self._ring.ids or header.get("typ") != _TYPES[audience]:
                raise SignInRequired
            claims = jwt.decode(
                token,
                self._ring.key(key_id),
                algorithms=[_ALGORITHM],
                audience=audience,
                issuer=_ISSUER,
                # The library would ask the machine for the time; `_is_current` asks the clock we were handed.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.InvalidTokenError, UnicodeError, ValueError):
            raise SignInRequired from None
        if not _is_current(claims, self._now()) or claims.get("viewing") != viewing:
            raise SignInRequired
        return _principal(claims)


def _is_current(claims: dict[str, Any], now: datetime) -> bool:
    expires = claims["exp"]
    return isinstance(expires, int) and now.timestamp() < expires


def _principal(claims: dict[str, Any]) -> Principal:
    """Read claims that our own signature vouches for."""
    role = Role(claims["role"])
    patient, consultation = claims.get("patient"), claims.get("consultation")
    return Principal(
        subject=UserId(claims["sub"]) if consultation is None else InvitationId(claims["sub"]),
        session=SessionId(claims["sid"]),
        role=role,
        name=claims["name"],
        language=claims["lang"],
        patient=None if patient is None else PatientId(patient),
        consultation=None if consultation is None else ConsultationId(consultation),
    )
