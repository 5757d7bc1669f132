"""The handshake on memory, against pyOpenSSL as the browser's side."""

from contextlib import suppress

import pytest
from OpenSSL import SSL

from media.bindings import AEAD_PROFILES, Certificate
from media.dtls import ATTEMPTS_LIMIT, DATAGRAM_LIMIT, DtlsServer, DtlsState, _records, pack_records
from media.srtp import SrtpKeys

SERVER = Certificate()
CONTEXT = SERVER.context()


class Browser:
    """A DTLS client that offers `profiles`."""

    def __init__(self, *profiles: bytes) -> None:
        self.certificate = Certificate()
        context = self.certificate.context()
        if profiles:
            context.set_tlsext_use_srtp(b":".join(profiles))
        self.ssl = SSL.Connection(context)
        self.ssl.set_connect_state()
        self.ssl.set_ciphertext_mtu(DATAGRAM_LIMIT)

    def step(self) -> list[bytes]:
        with suppress(SSL.WantReadError):
            self.ssl.do_handshake()
        written = b""
        try:
            while True:
                written += self.ssl.bio_read(65536)
        except SSL.WantReadError:
            return pack_records(written)

    def take(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self.ssl.bio_write(datagram)
        datagrams.clear()

    @property
    def sha256(self) -> str:
        return self.certificate.sha256


def server() -> tuple[DtlsServer, list[bytes]]:
    sent: list[bytes] = []
    return DtlsServer(CONTEXT, sent.append), sent


def shake(browser: Browser, dtls: DtlsServer, sent: list[bytes]) -> None:
    for _ in range(8):
        for datagram in browser.step():
            dtls.feed(datagram)
        browser.take(sent)


def test_the_handshake_ends_with_keys_that_both_sides_share() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED
    assert isinstance(dtls.keys, SrtpKeys)
    assert browser.ssl.get_selected_srtp_profile() == b"SRTP_AEAD_AES_128_GCM"


def test_the_profile_is_our_choice_among_what_the_browser_offers() -> None:
    for profile in AEAD_PROFILES:
        browser = Browser(profile.name)
        dtls, sent = server()
        dtls.verify(browser.sha256)
        shake(browser, dtls, sent)
        assert dtls.state is DtlsState.ESTABLISHED
        assert browser.ssl.get_selected_srtp_profile() == profile.name


def test_a_browser_that_offers_no_aead_gets_no_keys() -> None:
    browser = Browser(b"SRTP_AES128_CM_SHA1_80")
    dtls, sent = server()
    dtls.verify(browser.sha256)
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.FAILED
    assert dtls.keys is None


def test_without_a_fingerprint_there_are_no_keys_yet() -> None:
    browser = Browser()
    dtls, sent = server()
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.UNVERIFIED
    assert dtls.keys is None
    dtls.verify(browser.sha256)
    assert dtls.state is DtlsState.ESTABLISHED
    assert dtls.keys is not None


def test_another_certificate_than_the_signalled_one_fails() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(Browser().sha256)
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.FAILED
    assert dtls.keys is None


def test_nothing_is_repeated_before_its_time() -> None:
    browser = Browser()
    dtls, sent = server()
    for datagram in browser.step():
        dtls.feed(datagram)
    assert sent
    sent.clear()
    dtls.expire()
    assert not sent


def test_every_datagram_fits_a_path_and_is_cut_at_records() -> None:
    browser = Browser()
    dtls, sent = server()
    for datagram in browser.step():
        dtls.feed(datagram)
    assert sent
    for datagram in sent:
        assert len(datagram) <= DATAGRAM_LIMIT
        assert datagram[0] in {20, 21, 22, 23}


def test_records_are_packed_whole() -> None:
    small, large = record(22, bytes(300)), record(22, bytes(1100))
    assert pack_records(small + small + large + small) == [small + small, large, small]
    assert pack_records(b"") == []


def record(kind: int, content: bytes, *, epoch: int = 0, seq: int = 0) -> bytes:
    head = bytes([kind]) + b"\xfe\xfd" + epoch.to_bytes(2, "big") + seq.to_bytes(6, "big")
    return head + len(content).to_bytes(2, "big") + content


def message(kind: int, seq: int, content: bytes, *, number: int = 0) -> bytes:
    size = len(content).to_bytes(3, "big")
    return record(22, bytes([kind]) + size + seq.to_bytes(2, "big") + bytes(3) + size + content, seq=number)


ALERT = record(21, b"\x02\x28")  # fatal handshake_failure, in clear
HARMLESS = {
    "alerts": [ALERT],
    "alerts before and behind something": [ALERT + record(20, b"\x01"), record(23, bytes(40)) + ALERT],
    "change of cipher": [record(20, b"\x01")],
    "sealed with what nobody knows": [record(kind, bytes(60), epoch=1, seq=7) for kind in (20, 21, 22, 23)],
    "cut off": [record(22, bytes(80))[:40]],
    "lengths that lie": [record(22, b"\x10\xff\xff\xff" + bytes(8))],
    "numbers far ahead": [record(20, b"\x01", seq=2**48 - 1), message(20, 9, bytes(12), number=2**47)],
    "unknown kinds": [record(kind, bytes(30)) for kind in (0, 19, 24, 63)],
    "another version": [b"\x16\x03\x03" + record(22, bytes(30))[3:]],
    "a ClientHello that is rubbish": [message(1, 0, bytes(60))],
    "somebody else's ClientHello": [],  # made below, a fresh one each time
}


def forged(kind: str) -> list[bytes]:
    return HARMLESS[kind] or Browser().step()


@pytest.mark.parametrize("kind", HARMLESS)
@pytest.mark.parametrize("stage", ["before", "after the ClientHello", "amid the second flight", "all the time"])
def test_what_a_stranger_sends_in_the_peers_name_does_not_disturb_its_handshake(kind: str, stage: str) -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)

    def strike(*stages: str) -> None:
        if stage in {*stages, "all the time"}:
            answers = len(sent)
            for datagram in forged(kind) * 2:
                dtls.feed(datagram)
            del sent[answers:]  # what reaches the browser for it is not what it waits for

    strike("before")
    for datagram in browser.step():
        dtls.feed(datagram)
    dtls.expire()
    answer = list(sent)
    sent.clear()
    strike("after the ClientHello")
    browser.take(answer)
    for datagram in browser.step():
        for each in _records(datagram):
            dtls.feed(each)
            strike("amid the second flight")
    browser.take(sent)
    browser.step()
    strike()
    assert dtls.state is DtlsState.ESTABLISHED
    assert dtls.keys is not None


def test_twenty_forged_client_hellos_a_second_leave_room_for_the_peers_own() -> None:
    dtls, sent = server()
    for _ in range(100):
        for datagram in Browser().step():
            dtls.feed(datagram)
        dtls.expire()
        sent.clear()
    browser = Browser()
    dtls.verify(browser.sha256)
    for datagram in browser.step():
        dtls.feed(datagram)
    dtls.expire()
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_what_forged_client_hellos_cost_is_bounded() -> None:
    dtls, sent = server()
    for _ in range(200):
        for datagram in Browser().step():
            dtls.feed(datagram)
    assert len(dtls._attempts) <= ATTEMPTS_LIMIT
    answered = sum(map(len, sent))
    assert answered < 20_000
    assert dtls.state is DtlsState.HANDSHAKING


def test_an_answer_that_was_lost_is_repeated_when_the_client_hello_comes_again_but_not_for_ever() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    hello = browser.step()
    for datagram in hello:
        dtls.feed(datagram)
    answer = list(sent)
    sent.clear()
    for datagram in hello * 100:
        dtls.feed(datagram)
    assert sent[: len(answer)] == answer
    assert len(sent) <= 8 * len(answer)
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_the_first_client_hello_is_answered_first_even_when_it_comes_in_parts() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    (hello,) = browser.step()
    body = hello[13 + 12 :]
    parts = [
        record(22, hello[13:19] + start.to_bytes(3, "big") + len(part).to_bytes(3, "big") + part, seq=number)
        for number, (start, part) in enumerate(((0, body[:80]), (80, body[80:])))
    ]
    dtls.feed(parts[0])
    for datagram in Browser().step():
        dtls.feed(datagram)
    assert sent == []
    dtls.feed(parts[1])
    assert sent
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_whoever_comes_second_is_answered_a_moment_later() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    for datagram in Browser().step():
        dtls.feed(datagram)
    sent.clear()
    for datagram in browser.step():
        dtls.feed(datagram)
    assert sent == []
    dtls.expire()
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_a_forged_second_flight_ends_the_connection_within_a_second_so_that_the_peer_makes_another() -> None:
    browser = Browser()
    dtls, _ = server()
    dtls.verify(browser.sha256)
    for datagram in browser.step():
        dtls.feed(datagram)
    dtls.feed(message(11, 1, b"\xff" * 40))  # a Certificate that is none
    assert dtls.state is DtlsState.HANDSHAKING
    for _ in range(21):
        dtls.expire()
    assert dtls.state is DtlsState.FAILED


def test_a_handshake_that_stands_still_fails_after_five_seconds_and_none_before_anything_has_come() -> None:
    dtls, _ = server()
    for _ in range(200):
        dtls.expire()
    assert dtls.state is DtlsState.HANDSHAKING
    for datagram in Browser().step():
        dtls.feed(datagram)
    for _ in range(100):
        dtls.expire()
    assert dtls.state is DtlsState.HANDSHAKING
    dtls.expire()
    assert dtls.state is DtlsState.FAILED


def test_forged_records_after_the_handshake_change_nothing() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    shake(browser, dtls, sent)
    for kind in (20, 21, 22, 23):
        dtls.feed(bytes([kind]) + b"\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28")
        dtls.feed(bytes([kind]) + b"\xff" * 60)
    for datagram in Browser().step():
        dtls.feed(datagram)
    assert dtls.state is DtlsState.ESTABLISHED


def test_a_goodbye_closes() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    shake(browser, dtls, sent)
    browser.ssl.shutdown()
    dtls.feed(browser.ssl.bio_read(65536))
    assert dtls.state is DtlsState.CLOSED


def test_closing_says_goodbye() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    shake(browser, dtls, sent)
    dtls.close()
    browser.take(sent)
    try:
        browser.ssl.recv(100)
    except SSL.ZeroReturnError:
        return
    raise AssertionError("no close_notify came")
