"""The keys of one peer's SRTP (RFC 3711, RFC 7714), as exported from its DTLS handshake (RFC 5764)."""

from typing import Any, Final

from media.bindings import SrtpProfile, SrtpSession

# Packets between the newest and the oldest that is still taken. A recovered packet may be a second late; at 1000
# packets a second that is within the window, which libsrtp wants below 2^15.
REPLAY_WINDOW: Final = 1024


class SrtpKeys:
    """Both directions of one peer as libsrtp contexts. `keying` is client key, server key, client salt, server salt."""

    __slots__ = ("_inbound", "_outbound", "rx", "tx")

    def __init__(self, profile: SrtpProfile, keying: bytes, *, server: bool = True) -> None:
        if len(keying) != profile.keying_length:
            raise ValueError("keying material of the wrong length")
        k, s = profile.key_length, profile.salt_length
        client = keying[:k] + keying[2 * k : 2 * k + s]
        ours = keying[k : 2 * k] + keying[2 * k + s :]
        if not server:
            client, ours = ours, client
        self._inbound = SrtpSession(profile, client, inbound=True, window=REPLAY_WINDOW)
        self._outbound = SrtpSession(profile, ours, inbound=False, window=REPLAY_WINDOW)
        self.rx: Any = self._inbound.context
        self.tx: Any = self._outbound.context
