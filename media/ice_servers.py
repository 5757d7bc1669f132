"""TURN servers for one browser, with credentials that expire (the REST scheme of coturn's `use-auth-secret`)."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import timedelta

from kernel.clock import Now
from kernel.ids import ParticipantId
from rooms.ports import IceServer


def turn_credentials(
    *, urls: Sequence[str], secret: str, lifetime: timedelta, now: Now
) -> Callable[[ParticipantId], list[IceServer]]:
    """Return what makes each participant's list of ICE servers; it is empty where no TURN server is configured.

    The user name is the moment of expiry and an opaque name: it stays the same for one participant, so that the TURN
    server can count allocations, but says nothing about who it is. There is no default server: nobody else's machine
    learns of a consultation unless the clinic says so.
    """

    def servers(participant: ParticipantId) -> list[IceServer]:
        if not urls:
            return []
        expiry = int((now() + lifetime).timestamp())
        name = hmac.digest(secret.encode(), b"turn name:" + participant.encode(), hashlib.sha256).hex()[:16]
        username = f"{expiry}:{name}"
        digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
        return [IceServer(tuple(urls), username, base64.b64encode(digest).decode("ascii"))]

    return servers
