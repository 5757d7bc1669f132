"""The handshake on memory, against pyOpenSSL as the browser's side."""

from contextlib import suppress

import pytest
from OpenSSL import SSL

from media.bindings import AEAD_PROFILES, Certificate
from media.dtls import DATAGRAM_LIMIT, DtlsServer, DtlsState
from media.dtls_records import (
    CLIENT_HELLO,
    HANDSHAKE,
    MESSAGE_HEADER,
    RECORD_HEADER,
    fragments,
    hello_verify_request,
    message,
    pack_records,
    record,
    records,
)
from media.srtp import SrtpKeys
from tests.dtls_forger import client_hello, forgeries

SERVER = Certificate()
CONTEXT = SERVER.context()
FORGERIES = forgeries()


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
            return pack_records(written, DATAGRAM_LIMIT)

    def take(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self.ssl.bio_write(datagram)
        datagrams.clear()

    @property
    def sha256(self) -> str:
        return self.certificate.sha256


def in_parts(datagram: bytes) -> list[bytes]:
    """Return the datagram's records, the messages in clear cut in two."""
    parts: list[bytes] = []
    for number, each in enumerate(records(datagram)):
        if each.epoch or each.kind != HANDSHAKE:
            parts.append(each.octets)
            continue
        for whole in fragments(each.body):
            half = whole.length // 2 if whole.kind != CLIENT_HELLO else min(90, whole.length)
            for start, end in ((0, half), (half, whole.length)):
                head = message(whole.kind, whole.seq, whole.body)[:6]
                place = start.to_bytes(3, "big") + (end - start).to_bytes(3, "big")
                parts.append(record(HANDSHAKE, number, head + place + whole.body[start:end]))
    return parts


def server() -> tuple[DtlsServer, list[bytes]]:
    sent: list[bytes] = []
    return DtlsServer(CONTEXT, sent.append), sent


def shake(browser: Browser, dtls: DtlsServer, sent: list[bytes]) -> None:
    for _ in range(8):
        for datagram in browser.step():
            dtls.feed(datagram)
        browser.take(sent)


def asks_for_cookie(browser: Browser, dtls: DtlsServer, sent: list[bytes]) -> None:
    """Take the first hello, and let the browser hear of the cookie."""
    for datagram in browser.step():
        dtls.feed(datagram)
    assert len(sent) == 1
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
    assert dtls.state is DtlsState.HANDSHAKING
    assert dtls.keys is None
    dtls.verify(browser.sha256)
    assert dtls.state is DtlsState.ESTABLISHED
    assert dtls.keys is not None
    browser.take(sent)
    browser.step()
    assert browser.ssl.get_cipher_name() is not None


def test_another_certificate_than_the_signalled_one_proves_nothing() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(Browser().sha256)
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.HANDSHAKING
    assert dtls.keys is None


def test_nothing_is_repeated_before_its_time() -> None:
    browser = Browser()
    dtls, sent = server()
    asks_for_cookie(browser, dtls, sent)
    for datagram in browser.step():
        dtls.feed(datagram)
    assert sent
    sent.clear()
    dtls.expire()
    assert not sent


def test_every_datagram_fits_a_path_and_is_cut_at_records() -> None:
    browser = Browser()
    dtls, sent = server()
    asks_for_cookie(browser, dtls, sent)
    for datagram in browser.step():
        dtls.feed(datagram)
    assert sent
    for datagram in sent:
        assert len(datagram) <= DATAGRAM_LIMIT
        assert datagram[0] in {20, 21, 22, 23}


def test_records_are_packed_whole() -> None:
    def record(size: int) -> bytes:
        return b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes(size)

    small, large = record(300), record(1100)
    assert pack_records(small + small + large + small, DATAGRAM_LIMIT) == [small + small, large, small]
    assert pack_records(b"", DATAGRAM_LIMIT) == []


@pytest.mark.parametrize("kind", FORGERIES)
@pytest.mark.parametrize("answered", [True, False], ids=["answered before", "answered after"])
def test_forgeries_before_amid_and_after_every_flight_change_nothing(kind: str, answered: bool) -> None:
    browser = Browser()
    dtls, sent = server()
    if answered:
        dtls.verify(browser.sha256)

    def forge() -> None:
        for datagram in FORGERIES[kind]:
            dtls.feed(datagram)

    forge()
    for _ in range(8):
        for datagram in browser.step():
            forge()
            dtls.feed(datagram)
            forge()
        browser.take(sent)
    if not answered:
        dtls.verify(browser.sha256)
    assert dtls.state is DtlsState.ESTABLISHED
    browser.take(sent)
    browser.step()
    for _ in range(100):
        forge()
    assert dtls.state is DtlsState.ESTABLISHED
    browser.ssl.shutdown()
    dtls.feed(browser.ssl.bio_read(65536))
    assert dtls.state is DtlsState.CLOSED, "and the peer is still heard"


def test_a_flight_in_parts_between_forged_parts_is_made_whole() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    for _ in range(8):
        for datagram in browser.step():
            for part in in_parts(datagram):
                for forged in FORGERIES["parts mid-flight"]:
                    dtls.feed(forged)
                dtls.feed(part)
        browser.take(sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_a_forged_end_of_a_hello_that_comes_before_its_beginning_is_forgotten() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    asks_for_cookie(browser, dtls, sent)
    (hello,) = browser.step()
    beginning, end = in_parts(hello)
    dtls.feed(end[:-4] + bytes(4))
    assert not sent
    dtls.feed(beginning)
    assert not sent, "the end that came before is not believed"
    dtls.feed(end)
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_a_forged_end_of_a_hello_that_can_not_be_read_is_passed_over_in_silence() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    asks_for_cookie(browser, dtls, sent)
    (hello,) = browser.step()
    beginning, end = in_parts(hello)
    dtls.feed(beginning)
    dtls.feed(end[: RECORD_HEADER + MESSAGE_HEADER] + b"\xff" * (len(end) - RECORD_HEADER - MESSAGE_HEADER))
    assert not sent, "an alert would end the browser's handshake"
    dtls.feed(end)
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_replayed_flights_change_nothing() -> None:
    browser, old = Browser(), list[bytes]()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    for _ in range(8):
        for datagram in browser.step():
            old.append(datagram)
            for each in (*old, *reversed(old)):
                dtls.feed(each)
        browser.take(sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_a_browser_that_begins_anew_before_it_has_proved_anything_is_taken() -> None:
    dtls, sent = server()
    first, second = Browser(), Browser()
    dtls.verify(second.sha256)
    asks_for_cookie(first, dtls, sent)
    cookie = dtls._cookie
    for datagram in first.step():
        dtls.feed(datagram)
    assert sent
    sent.clear()
    second.step()
    second.take([hello_verify_request(cookie)])  # as if it had been asked
    shake(second, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_a_repeated_hello_is_answered_again_at_once_with_the_same() -> None:
    browser = Browser()
    dtls, sent = server()
    asks_for_cookie(browser, dtls, sent)
    (hello,) = browser.step()
    dtls.feed(hello)
    answer = list(sent)
    sent.clear()
    dtls.feed(hello)
    assert sent == answer != []


def test_whoever_forges_hellos_makes_us_send_no_more_than_comes() -> None:
    dtls, sent = server()
    hello = client_hello()
    for _ in range(50):
        dtls.feed(hello)
    assert len(sent) == 50
    assert len(set(sent)) == 1, "the peer takes the first and has no use for the others"
    assert sum(map(len, sent)) < 50 * len(hello)
    with_cookie = Browser()
    with_cookie.step()
    with_cookie.take(sent[:1])
    for datagram in with_cookie.step():
        dtls.feed(datagram)
    sent.clear()
    dtls.feed(hello)
    assert not sent, "a record with the number of one in flight would make the browser drop that"


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
