"""The handshake on memory, against pyOpenSSL as the browser's side."""

from contextlib import suppress

from OpenSSL import SSL

from media.bindings import AEAD_PROFILES, Certificate
from media.dtls import ATTEMPT_LIMIT, DATAGRAM_LIMIT, DtlsServer, DtlsState, pack_records
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
    def record(size: int) -> bytes:
        return b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes(size)

    small, large = record(300), record(1100)
    assert pack_records(small + small + large + small) == [small + small, large, small]
    assert pack_records(b"") == []


def test_a_forged_alert_breaks_one_attempt_and_the_next_succeeds() -> None:
    browser = Browser()
    dtls, sent = server()
    dtls.verify(browser.sha256)
    dtls.feed(b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28")  # fatal handshake_failure, in clear
    assert dtls.state is DtlsState.HANDSHAKING
    shake(browser, dtls, sent)
    assert dtls.state is DtlsState.ESTABLISHED


def test_attempts_are_limited() -> None:
    dtls, _ = server()
    for _ in range(ATTEMPT_LIMIT):
        dtls.renew()
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
