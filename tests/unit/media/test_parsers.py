"""Every parser of the plane, on whatever octets: no exception but the declared one, and an end."""

from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Invalid
from media import rtcp
from media.dtls_records import (
    CERTIFICATE,
    HANDSHAKE,
    Fragment,
    Reassembly,
    cookie_of,
    fragments,
    message,
    pack_records,
    record,
    records,
)
from media.sdp import parse_answer
from media.stun import parse_binding_request

CHECK_HEAD = b"\x00\x01"
COOKIE = b"\x21\x12\xa4\x42"


@given(st.binary(max_size=600))
def test_checks(data: bytes) -> None:
    assert parse_binding_request(data) is None  # nobody hits the right FINGERPRINT by chance
    shaped = CHECK_HEAD + (len(data) // 4 * 4).to_bytes(2, "big") + COOKIE + bytes(12) + data[: len(data) // 4 * 4]
    assert parse_binding_request(shaped) is None


@given(st.integers(200, 207), st.integers(0, 63), st.binary(max_size=1200))
def test_compounds(kind: int, form: int, body: bytes) -> None:
    data = bytes([0x80 | form, kind]) + (len(body) // 4).to_bytes(2, "big") + body + body
    for packet in rtcp.packets(data, len(data)):
        assert 0 <= packet.start <= packet.end <= len(data)
        assert len(rtcp.nacked(data, packet)) <= rtcp.NACK_LIMIT
        assert len(list(rtcp.report_blocks(data, packet))) <= 31
        assert len(rtcp.full_intra_ssrcs(data, packet)) <= rtcp.PACKETS_LIMIT
        rtcp.sender_info(data, packet)
        rtcp.media_ssrc(data, packet)
        rtcp.remb_bps(data, packet)


@given(st.binary(max_size=6000))
def test_records(written: bytes) -> None:
    datagrams = pack_records(written, 1200)
    assert written.startswith(b"".join(datagrams))
    assert all(datagrams)
    assert len(datagrams) <= 1 + len(written) // 13


@given(st.binary(max_size=600), st.integers(0, 2**47), st.binary(max_size=400))
def test_dtls_records_and_messages(data: bytes, number: int, body: bytes) -> None:
    whole = message(CERTIFICATE, 2, body)
    (found,) = records(record(HANDSHAKE, number, whole))
    assert [Reassembly().take(part) for part in fragments(found.body)] == [whole]
    shaped = b"\x16\xfe\xfd" + bytes(8) + len(data).to_bytes(2, "big") + data
    for each in (data, shaped, b"\x01" + data):
        assert len(each) >= sum(len(found.octets) for found in records(each))
        assert len(each) >= sum(len(part.body) for part in fragments(each))
        cookie = cookie_of(each)
        assert cookie is None or cookie in each


@given(st.binary(min_size=1, max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=30))
def test_a_message_is_whole_when_all_of_it_has_come(body: bytes, cuts: list[tuple[int, int]]) -> None:
    size, reassembly, came = len(body), Reassembly(), set[int]()
    for start, end in (*cuts, (0, size // 2), (size // 2, size)):
        part = body[start:end]
        came |= set(range(min(start, size), min(start, size) + len(part)))
        whole = reassembly.take(Fragment(CERTIFICATE, size, 2, min(start, size), part))
        assert whole == (message(CERTIFICATE, 2, body) if len(came) == size else None)
        if whole is not None:
            break


@given(
    st.lists(st.sampled_from(["v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "m=application 9 x y", "a=", "="]))
)
def test_lines_of_an_answer_in_any_order(lines: list[str]) -> None:
    _refused_or_read("\r\n".join(lines))


@given(st.text(max_size=400))
def test_any_text_as_an_answer(text: str) -> None:
    _refused_or_read(text)
    _refused_or_read("v=0\r\nm=" + text)
    _refused_or_read("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=" + text)


def _refused_or_read(sdp: str) -> None:
    try:
        parse_answer(sdp)
    except Invalid:
        return
