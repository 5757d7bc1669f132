"""What `media/bindings.py` leans on in the pinned versions of aiortc, aioice, pylibsrtp and pyOpenSSL, name by name."""

import re
from contextlib import suppress
from importlib.metadata import version

import aiortc
import pylibsrtp
import pytest
from OpenSSL import SSL
from pylibsrtp import _binding

from media.bindings import (
    SRTP_PROFILES,
    SRTP_TRAILER_LIMIT,
    Buffer,
    Certificate,
    SrtpProfile,
    SrtpSession,
    memmove,
    new_length,
    own_addresses,
    peer_sha256,
    srtp_protect,
    srtp_protect_rtcp,
    srtp_unprotect,
    srtp_unprotect_rtcp,
)
from media.srtp import REPLAY_WINDOW, SrtpKeys

RTP = b"\x80\x60" + (7).to_bytes(2, "big") + bytes(4) + (99).to_bytes(4, "big") + b"hello"
RTCP = b"\x80\xc9\x00\x01" + (99).to_bytes(4, "big")


def sealed(function: object, context: object, packet: bytes) -> tuple[int, bytes]:
    """Apply one of the in-place functions to a copy; return its result and the octets."""
    buffer, length = Buffer(200 + SRTP_TRAILER_LIMIT), new_length()
    buffer.octets[: len(packet)] = packet
    length[0] = len(packet)
    result = function(context, buffer.pointer, length)  # type: ignore[operator]
    return result, bytes(buffer.octets[: length[0]])


def two_sides(profile: SrtpProfile) -> tuple[SrtpKeys, SrtpKeys]:
    keying = bytes(range(profile.keying_length))
    return SrtpKeys(profile, keying, server=True), SrtpKeys(profile, keying, server=False)


def test_the_versions_are_those_that_were_looked_at() -> None:
    found = {name: version(name) for name in ("aiortc", "aioice", "pylibsrtp", "pyopenssl")}
    assert found == {"aiortc": "1.16.0", "aioice": "0.13.0", "pylibsrtp": "1.0.0", "pyopenssl": "26.4.0"}


def test_libsrtp_is_called_with_a_context_an_address_and_a_length() -> None:
    for name in ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        kind = _binding.ffi.typeof(getattr(_binding.lib, name))
        assert [argument.cname for argument in kind.args] == ["struct srtp_ctx_t_ *", "void *", "int *"]
    assert _binding.lib.srtp_err_status_ok == 0


def test_a_session_holds_its_context_behind_one_private_name() -> None:
    session = pylibsrtp.Session()
    assert _binding.ffi.typeof(session._srtp[0]).cname == "struct srtp_ctx_t_ *"


@pytest.mark.parametrize("profile", SRTP_PROFILES, ids=lambda profile: profile.name.decode())
def test_packets_go_through_both_ways_in_place_and_only_once(profile: SrtpProfile) -> None:
    server, client = two_sides(profile)
    for there, back in ((server, client), (client, server)):
        for packet, protect, unprotect in (
            (RTP, srtp_protect, srtp_unprotect),
            (RTCP, srtp_protect_rtcp, srtp_unprotect_rtcp),
        ):
            result, octets = sealed(protect, there.tx, packet)
            assert result == 0
            assert len(packet) < len(octets) <= len(packet) + SRTP_TRAILER_LIMIT
            assert sealed(unprotect, back.rx, octets) == (0, packet)
            assert sealed(unprotect, back.rx, octets)[0] != 0, "a replay"


@pytest.mark.parametrize("profile", SRTP_PROFILES, ids=lambda profile: profile.name.decode())
def test_a_changed_packet_is_refused_by_a_number_not_an_exception(profile: SrtpProfile) -> None:
    server, client = two_sides(profile)
    _, octets = sealed(srtp_protect, client.tx, RTP)
    assert sealed(srtp_unprotect, server.rx, octets[:-1] + bytes([octets[-1] ^ 1]))[0] != 0
    assert sealed(srtp_unprotect, server.rx, RTP)[0] != 0
    assert sealed(srtp_unprotect, server.rx, octets[:13])[0] != 0


def test_no_number_is_sealed_twice_which_would_give_away_the_key_stream() -> None:
    server, _ = two_sides(SRTP_PROFILES[0])
    assert sealed(srtp_protect, server.tx, RTP)[0] == 0
    assert sealed(srtp_protect, server.tx, RTP)[0] != 0


def test_late_packets_pass_within_the_window() -> None:
    server, client = two_sides(SRTP_PROFILES[0])

    def packet(seq: int) -> bytes:
        return RTP[:2] + seq.to_bytes(2, "big") + RTP[4:]

    newest = REPLAY_WINDOW + 10
    _, late = sealed(srtp_protect, client.tx, packet(20))
    _, early = sealed(srtp_protect, client.tx, packet(newest))
    assert sealed(srtp_unprotect, server.rx, early)[0] == 0
    assert sealed(srtp_unprotect, server.rx, late)[0] == 0
    assert sealed(srtp_protect, client.tx, packet(21))[0] == 0, "in the sender too"


def test_keying_material_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="length"):
        SrtpKeys(SRTP_PROFILES[0], bytes(8))


def test_a_buffer_is_one_memory_for_python_and_c() -> None:
    buffer = Buffer(16)
    memmove(buffer.at(4), b"abcd", 4)
    assert buffer.octets[4:8] == b"abcd"
    buffer.view[0:2] = b"xy"
    memmove(buffer.at(8), buffer.pointer, 2)
    assert bytes(buffer.octets) == b"xy\0\0abcdxy" + bytes(6)


def test_an_aes_gcm_profile_comes_first() -> None:
    assert SRTP_PROFILES[0].name == b"SRTP_AEAD_AES_128_GCM"
    assert SrtpSession(SRTP_PROFILES[0], bytes(28), inbound=True, window=REPLAY_WINDOW).context


def test_the_certificate_is_aiortcs_and_its_fingerprint_is_what_the_peer_will_see() -> None:
    certificate = Certificate()
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", certificate.sha256)
    assert isinstance(certificate._certificate, aiortc.RTCCertificate)
    server, client = SSL.Connection(certificate.context()), SSL.Connection(Certificate().context())
    server.set_accept_state()
    client.set_connect_state()
    assert peer_sha256(client) is None
    for side in (server, client):
        side.set_ciphertext_mtu(1200)
    for _ in range(6):
        for side, other in ((client, server), (server, client)):
            with suppress(SSL.WantReadError):
                side.do_handshake()
            with suppress(SSL.WantReadError):
                while True:
                    other.bio_write(side.bio_read(65536))
    assert peer_sha256(client) == certificate.sha256
    assert server.get_selected_srtp_profile() == SRTP_PROFILES[0].name


def test_own_addresses_are_addresses() -> None:
    for address in own_addresses(ipv6=False):
        assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address)
        assert not address.startswith("127.")
