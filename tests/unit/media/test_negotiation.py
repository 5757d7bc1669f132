"""Offers, golden ones among them, and answers as Chromium gave them."""

import re
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Invalid
from kernel.ids import ParticipantId
from media.negotiation import Credentials, Negotiation, Site
from media.sdp import SIZE_LIMIT, parse_answer
from rooms.events import Source
from rooms.tracks import TrackRef

GOLDEN = Path(__file__).parents[2] / "golden" / "media"
ANSWER = (GOLDEN / "answer_chromium.sdp").read_bytes().decode()
SITE = Site(("192.0.2.10", "198.51.100.4"), 8081, ":".join(["AB"] * 32))
BO = ParticipantId("pat_bo")
CAMERA, MICROPHONE, SCREEN = (TrackRef(BO, source) for source in (Source.CAMERA, Source.MICROPHONE, Source.SCREEN))


def negotiation() -> Negotiation:
    numbers = count(1_000_000)
    return Negotiation(SITE, Credentials("ufragufragufrag1", "p" * 36), draw=lambda _bits: next(numbers))


def answer_to(sdp: str, *, direction: str | None = None) -> str:
    """Return a plain answer that accepts every section of an offer."""
    turned = {"recvonly": "sendonly", "sendonly": "recvonly", "inactive": "inactive"}
    kept = ("v=", "o=", "s=", "t=", "m=", "c=", "a=mid:", "a=rtcp-mux", "a=extmap", "a=rtpmap", "a=fmtp")
    lines: list[str] = []
    for line in sdp.splitlines():
        if line.startswith(kept):
            lines.append(line)
        elif line[2:] in turned:
            lines += [
                f"a={direction or turned[line[2:]]}",
                "a=setup:active",
                "a=fingerprint:sha-256 " + SITE.fingerprint,
            ]
    return "\r\n".join(lines) + "\r\n"


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if not path.exists():
        path.write_bytes(text.encode())
        pytest.fail(f"{name} was not there; it is written now: look at it and run again")
    assert text == path.read_bytes().decode(), f"{name} changed: if it should, delete it and run again"


def test_the_first_offer_is_as_it_was_agreed() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA, MICROPHONE}))
    offer = one.offer()
    assert offer is not None
    assert offer.generation == 1
    assert offer.publish == {"0": Source.MICROPHONE, "1": Source.CAMERA, "2": Source.SCREEN}
    assert offer.receive == {"3": CAMERA, "4": MICROPHONE}
    golden("offer_first.sdp", offer.sdp)


def test_an_offer_with_a_resting_section_is_as_it_was_agreed() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA, MICROPHONE}))
    first = one.offer()
    assert first is not None
    one.answer(1, answer_to(first.sdp))
    one.want(frozenset({MICROPHONE}))
    second = one.offer()
    assert second is not None
    assert second.receive == {"4": MICROPHONE}
    golden("offer_resting.sdp", second.sdp)


def test_nobody_says_who_is_behind_a_track() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA}))
    offer = one.offer()
    assert offer is not None
    assert BO not in offer.sdp


def test_an_independent_parser_reads_the_offer() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA}))
    offer = one.offer()
    assert offer is not None
    parsed = SessionDescription.parse(offer.sdp)
    assert [media.kind for media in parsed.media] == ["audio", "video", "video", "video"]
    assert [media.direction for media in parsed.media] == ["recvonly", "recvonly", "recvonly", "sendonly"]
    for media in parsed.media:
        assert [candidate.ip for candidate in media.ice_candidates] == list(SITE.addresses)
    assert parsed.media[3].ssrc_group[0].semantic == "FID"


def test_one_offer_is_out_at_a_time_and_changes_are_gathered() -> None:
    one = negotiation()
    first = one.offer()
    assert first is not None
    one.want(frozenset({CAMERA}))
    one.want(frozenset({CAMERA, MICROPHONE}))
    assert one.offer() is None
    assert one.answer(1, answer_to(first.sdp))
    second = one.offer()
    assert second is not None
    assert set(second.receive.values()) == {CAMERA, MICROPHONE}


def test_nothing_changed_nothing_offered() -> None:
    one = negotiation()
    first = one.offer()
    assert first is not None
    one.answer(1, answer_to(first.sdp))
    one.want(frozenset())
    assert one.offer() is None


def test_a_resting_section_is_used_again_under_new_numbers() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA}))
    first = one.offer()
    assert first is not None
    one.answer(1, answer_to(first.sdp))
    before = one.receive[0].ssrc
    one.want(frozenset())
    second = one.offer()
    assert second is not None
    one.answer(2, answer_to(second.sdp))
    one.want(frozenset({SCREEN}))
    third = one.offer()
    assert third is not None
    assert third.receive == {"3": SCREEN}
    assert one.receive[0].ssrc != before


def test_a_resting_section_is_not_used_for_another_kind() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA}))
    first = one.offer()
    assert first is not None
    one.answer(1, answer_to(first.sdp))
    one.want(frozenset({MICROPHONE}))
    second = one.offer()
    assert second is not None
    assert second.receive == {"4": MICROPHONE}


def test_an_outdated_answer_is_ignored() -> None:
    one = negotiation()
    assert one.offer() is not None
    assert not one.answer(0, "rubbish")
    assert not one.answer(2, "rubbish")


def test_a_restart_replaces_the_offer_that_is_out() -> None:
    one = negotiation()
    first = one.offer()
    assert first is not None
    one.renew(Credentials("anotherufrag", "q" * 36))
    second = one.offer()
    assert second is not None
    assert "a=ice-ufrag:anotherufrag" in second.sdp
    assert not one.answer(1, answer_to(first.sdp))
    assert one.answer(2, answer_to(second.sdp))


def test_chromiums_answer_is_understood() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA, MICROPHONE}))
    assert one.offer() is not None
    assert one.answer(1, ANSWER)
    microphone, camera, screen = one.publish
    assert microphone.sending
    assert camera.sending
    assert screen.sending
    assert (microphone.ssrc, microphone.rtx_ssrc) == (939326642, 0)
    assert (camera.ssrc, camera.rtx_ssrc) == (382362996, 4168782461)
    assert camera.transport_feedback
    assert all(section.ready for section in one.receive)
    assert one.receive[0].retransmissions
    assert one.fingerprint is not None
    assert one.fingerprint.startswith("69:0E:AE")


def test_candidates_in_a_later_answer_are_ignored() -> None:
    answer = parse_answer((GOLDEN / "answer_chromium_renegotiated.sdp").read_bytes().decode())
    assert [section.direction for section in answer.sections][-2:] == ["inactive", "recvonly"]


def test_a_refused_section_is_left_out_of_the_next_offer() -> None:
    one = negotiation()
    first = one.offer()
    assert first is not None
    refusing = answer_to(first.sdp).replace("m=video 9", "m=video 0")
    one.answer(1, refusing)
    assert [section.refused for section in one.publish] == [False, True, True]
    one.want(frozenset({MICROPHONE}))
    second = one.offer()
    assert second is not None
    assert "a=group:BUNDLE 0 3" in second.sdp
    assert second.publish == {"0": Source.MICROPHONE}
    assert second.sdp.count("m=video 0 ") == 2


REFUSALS = {
    "nothing": lambda sdp: "",
    "not sdp": lambda sdp: "hello",
    "too long": lambda sdp: sdp + "a=x:" + "y" * SIZE_LIMIT,
    "a long line": lambda sdp: sdp + "a=x:" + "y" * 5000 + "\r\n",
    "a line that is none": lambda sdp: sdp + "hello\r\n",
    "control characters": lambda sdp: sdp + "a=x:\x00\r\n",
    "a data channel": lambda sdp: sdp + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    "plain RTP": lambda sdp: sdp.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP", 1),
    "one section too few": lambda sdp: sdp[: sdp.rindex("m=")],
    "one section too many": lambda sdp: sdp + sdp[sdp.rindex("m=") :],
    "other mids": lambda sdp: sdp.replace("a=mid:1", "a=mid:7"),
    "no mid": lambda sdp: sdp.replace("a=mid:1\r\n", ""),
    "another kind": lambda sdp: sdp.replace("m=video 9", "m=audio 9", 1),
    "the wrong role": lambda sdp: sdp.replace("setup:active", "setup:passive"),
    "no role": lambda sdp: sdp.replace("a=setup:active\r\n", ""),
    "no fingerprint": lambda sdp: re.sub("a=fingerprint.*\r\n", "", sdp),
    "a weak fingerprint": lambda sdp: re.sub("a=fingerprint.*", "a=fingerprint:sha-1 AB:CD", sdp),
    "two fingerprints": lambda sdp: sdp.replace("sha-256 69", "sha-256 68", 1),
    "no multiplexing": lambda sdp: sdp.replace("a=rtcp-mux\r\n", ""),
    "another codec": lambda sdp: sdp.replace("SAVPF 96 97", "SAVPF 98 97"),
    "no codec": lambda sdp: sdp.replace("SAVPF 96 97", "SAVPF 97"),
    "an extension not offered": lambda sdp: sdp.replace("extmap:4 http", "extmap:9 http"),
    "a malformed extension": lambda sdp: sdp.replace("extmap:4 http", "extmap:x http"),
    "an ssrc out of range": lambda sdp: sdp.replace("a=ssrc:939326642", "a=ssrc:4294967296"),
    "an ssrc of nothing": lambda sdp: sdp.replace("a=ssrc:939326642", "a=ssrc:0"),
    "a malformed ssrc": lambda sdp: sdp.replace("a=ssrc:939326642", "a=ssrc:abc"),
    "an ssrc twice": lambda sdp: sdp.replace("1885992742", "382362996"),
    "too many ssrcs": lambda sdp: sdp.replace(
        "a=ssrc:939326642", "\r\n".join(f"a=ssrc:{n} cname:x" for n in range(1, 12))
    ),
    "a malformed group": lambda sdp: sdp.replace("FID 382362996 4168782461", "FID 382362996"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_answer_is_refused_with(name: str) -> None:
    one = negotiation()
    one.want(frozenset({CAMERA, MICROPHONE}))
    assert one.offer() is not None
    with pytest.raises(Invalid):
        one.answer(1, REFUSALS[name](ANSWER))
    assert one.answer(1, ANSWER), "a refused answer changes nothing"


def test_the_fingerprint_does_not_change_within_a_connection() -> None:
    one = negotiation()
    one.want(frozenset({CAMERA, MICROPHONE}))
    assert one.offer() is not None
    one.answer(1, ANSWER)
    one.renew(Credentials("anotherufrag", "q" * 36))
    assert one.offer() is not None
    with pytest.raises(Invalid):
        one.answer(2, ANSWER.replace("sha-256 69", "sha-256 68"))


def test_receive_sections_are_bounded() -> None:
    one = negotiation()
    one.want(frozenset(TrackRef(ParticipantId(f"pat_{n}"), source) for n in range(40) for source in Source))
    offer = one.offer()
    assert offer is not None
    assert len(offer.receive) == 48


def test_credentials_are_long_random_and_made_of_ice_characters() -> None:
    made = {Credentials.random() for _ in range(50)}
    assert len(made) == 50
    for credentials in made:
        assert re.fullmatch(r"[A-Za-z0-9+/]{16}", credentials.ufrag)
        assert re.fullmatch(r"[A-Za-z0-9+/]{36}", credentials.password)


@given(st.text(max_size=300))
def test_any_text_is_an_answer_or_invalid(text: str) -> None:
    for sdp in (text, "v=0\r\n" + text):
        with suppress(Invalid):
            parse_answer(sdp)


@given(st.integers(0, len(ANSWER)), st.integers(0, 60), st.text(max_size=30))
def test_a_damaged_answer_is_an_answer_or_invalid(at: int, cut: int, put: str) -> None:
    one = negotiation()
    one.want(frozenset({CAMERA, MICROPHONE}))
    one.offer()
    with suppress(Invalid):
        one.answer(1, ANSWER[:at] + put + ANSWER[at + cut :])


@given(st.lists(st.frozensets(st.sampled_from([CAMERA, MICROPHONE, SCREEN])), max_size=12))
def test_whatever_is_wanted_the_sections_follow_and_never_change_kind(wishes: list[frozenset[TrackRef]]) -> None:
    one = negotiation()
    kinds: dict[str, bool] = {}
    for wish in wishes:
        one.want(wish)
        offer = one.offer()
        if offer is None:
            continue
        assert set(offer.receive.values()) == wish
        assert one.answer(offer.generation, answer_to(offer.sdp))
        for section in one.receive:
            assert kinds.setdefault(section.mid, section.is_video) == section.is_video
        numbers = [n for section in one.receive if section.track for n in (section.ssrc, section.rtx_ssrc)]
        assert len(set(numbers)) == len(numbers)
    assert len(one.receive) <= 3


def test_redundant_sound_is_wanted_most_and_taken_by_those_who_say_so() -> None:
    one = negotiation()
    one.want(frozenset({MICROPHONE}))
    offer = one.offer()
    assert offer is not None
    assert offer.sdp.count("m=audio 9 UDP/TLS/RTP/SAVPF 63 111") == 2
    one.answer(1, answer_to(offer.sdp))
    assert one.receive[0].redundancy
    assert one.receive[0].ready


def test_a_browser_without_redundant_sound_is_answered_without() -> None:
    one = negotiation()
    one.want(frozenset({MICROPHONE}))
    offer = one.offer()
    assert offer is not None
    plain = re.sub(r"a=\w+:63 .*\r\n", "", answer_to(offer.sdp)).replace("SAVPF 63 111", "SAVPF 111")
    one.answer(1, plain)
    assert not one.receive[0].redundancy
    assert one.receive[0].ready


def test_redundancy_without_its_codec_is_refused() -> None:
    one = negotiation()
    offer = one.offer()
    assert offer is not None
    with pytest.raises(Invalid, match="without its codec"):
        one.answer(1, answer_to(offer.sdp).replace("SAVPF 63 111", "SAVPF 63"))


def test_a_node_that_asks_for_no_redundancy_takes_none() -> None:
    one = Negotiation(replace(SITE, redundancy=False), Credentials.random())
    offer = one.offer()
    assert offer is not None
    assert "red/48000" not in offer.sdp
    with pytest.raises(Invalid, match="not offered"):
        one.answer(1, answer_to(offer.sdp).replace("SAVPF 111", "SAVPF 63 111"))
