"""Connectivity checks, read and answered; aioice's own STUN is the judge."""

import binascii
import struct

from aioice import stun as oracle
from hypothesis import given
from hypothesis import strategies as st

from media.stun import binding_success, parse_binding_request

TRANSACTION = b"0123456789ab"
PASSWORD = "p" * 24


def check(
    username: str = "ours:theirs", password: str = PASSWORD, *, nominates: bool = False, ends_well: bool = True
) -> bytes:
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.REQUEST, TRANSACTION)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 12345
    message.attributes["ICE-CONTROLLING"] = 7
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    if not ends_well:
        message.attributes["FINGERPRINT"] ^= 1
    return bytes(message)


def refingerprinted(data: bytes) -> bytes:
    """Return `data` with its last eight octets made a right FINGERPRINT."""
    return data[:-4] + struct.pack("!I", binascii.crc32(data[:-8]) ^ 0x5354554E)


def test_a_browsers_check_is_read() -> None:
    request = parse_binding_request(check())
    assert request is not None
    assert (request.local_ufrag, request.transaction_id, request.nominates) == ("ours", TRANSACTION, False)


def test_a_check_that_nominates_says_so() -> None:
    request = parse_binding_request(check(nominates=True))
    assert request is not None
    assert request.nominates


def test_only_the_right_password_makes_a_check_authentic() -> None:
    request = parse_binding_request(check())
    assert request is not None
    assert request.is_authentic(PASSWORD)
    assert not request.is_authentic("q" * 24)


def test_a_changed_octet_makes_a_check_unauthentic() -> None:
    data = bytearray(check())
    data[45] ^= 1  # within PRIORITY, covered by MESSAGE-INTEGRITY
    request = parse_binding_request(refingerprinted(bytes(data)))
    assert request is not None
    assert not request.is_authentic(PASSWORD)


def test_a_wrong_fingerprint_is_no_check() -> None:
    assert parse_binding_request(check(ends_well=False)) is None


def test_a_request_without_integrity_is_no_check() -> None:
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.REQUEST, TRANSACTION, {"USERNAME": "ours:theirs"})
    message.add_fingerprint()
    assert parse_binding_request(bytes(message)) is None


def test_a_request_for_another_name_form_is_no_check() -> None:
    for username in ("ours", ":theirs", "ours:", "abc:theirs", "o" * 300 + ":t"):
        assert parse_binding_request(check(username)) is None, username


def test_responses_and_indications_are_no_checks() -> None:
    for kind in (oracle.Class.RESPONSE, oracle.Class.INDICATION, oracle.Class.ERROR):
        message = oracle.Message(oracle.Method.BINDING, kind, TRANSACTION, {"USERNAME": "ours:theirs"})
        message.add_message_integrity(PASSWORD.encode())
        assert parse_binding_request(bytes(message)) is None


def test_nothing_may_follow_the_integrity_but_the_fingerprint() -> None:
    message = oracle.Message(oracle.Method.BINDING, oracle.Class.REQUEST, TRANSACTION, {"USERNAME": "ours:theirs"})
    message.add_message_integrity(PASSWORD.encode())
    message.attributes.pop("FINGERPRINT")
    message.attributes["USE-CANDIDATE"] = None
    message.add_fingerprint()
    assert parse_binding_request(bytes(message)) is None


def test_the_response_tells_the_address_and_is_authentic() -> None:
    for address in (("192.0.2.7", 40000), ("2001:db8::7", 40001)):
        request = parse_binding_request(check())
        assert request is not None
        response = oracle.parse_message(binding_success(request, address, PASSWORD))
        assert response.message_class is oracle.Class.RESPONSE
        assert response.transaction_id == TRANSACTION
        assert response.attributes["XOR-MAPPED-ADDRESS"] == address
        assert response.check_message_integrity(PASSWORD.encode())
        assert "FINGERPRINT" in response.attributes


@given(st.binary(max_size=600))
def test_rubbish_is_no_check(data: bytes) -> None:
    assert parse_binding_request(data) is None


@given(st.integers(0, len(check()) - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_a_damaged_check_never_raises_and_never_passes(at: int, damage: bytes, mended: bool) -> None:
    sound = check()
    data = sound[:at] + damage + sound[at + len(damage) :]
    request = parse_binding_request(refingerprinted(data) if mended else data)
    if request is not None and request.is_authentic(PASSWORD):
        assert request.data[: request.integrity_at] == sound[: request.integrity_at]
