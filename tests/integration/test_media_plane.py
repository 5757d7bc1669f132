"""The media plane on loopback: forwarding, repair, requests for pictures, recording, states."""

import itertools
import re
import struct
from collections.abc import Callable
from datetime import timedelta

import pytest

from benchmarks.media_peer import rtp
from kernel.clock import utc_now
from kernel.errors import Invalid
from kernel.ids import ParticipantId, RecordingId, RoomId
from media import rtcp
from media.bindings import own_addresses
from media.plane import UdpMediaPlane
from media.tap import TrackTap
from rooms.events import Source
from rooms.ports import MediaState
from rooms.tracks import Routing, TrackRef
from tests.media_call import ANNE, BO, CY, DELTA_FRAME, KEY_FRAME, ROOM, Call, media_call, routing
from tests.waiting import until

CAMERA, MICROPHONE, SCREEN = (TrackRef(ANNE, s) for s in (Source.CAMERA, Source.MICROPHONE, Source.SCREEN))


def header(packet: bytes) -> tuple[int, int, int]:
    """Sequence number, timestamp, SSRC."""
    seq, timestamp, ssrc = struct.unpack_from("!HII", packet, 2)
    return seq, timestamp, ssrc


def body(packet: bytes) -> bytes:
    """Payload of what the plane sends: its header is always 20 octets."""
    return packet[20:]


async def test_two_people_exchange_sound_and_picture() -> None:
    async with media_call() as call:
        tracks = [TrackRef(who, s) for who in (ANNE, BO) for s in (Source.CAMERA, Source.MICROPHONE)]
        call.plane.route(ROOM, routing(*tracks))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        for seat, other in ((anne, bo), (bo, anne)):
            for n in range(5):
                seat.send_picture(KEY_FRAME + bytes([n]))
                seat.send_sound(b"sound%d" % n, level=33)
            await until(lambda other=other: len(other.received(96)) == 5 and len(other.received(111)) == 5)
            assert [body(packet) for packet in other.received(96)] == [KEY_FRAME + bytes([n]) for n in range(5)]
            assert [body(packet) for packet in other.received(111)] == [b"sound%d" % n for n in range(5)]
            assert {packet[17] for packet in other.received(111)} == {33}, "the audio level goes along"
            numbers = [header(packet)[0] for packet in other.received(96)]
            assert numbers == list(range(numbers[0], numbers[0] + 5))
            mids = {track.source: mid for mid, track in other.peer.offer.receive.items()}
            assert {header(packet)[2] for packet in other.received(96)} == {other.peer.ssrc_of(mids[Source.CAMERA])}


async def test_a_room_may_be_joined_before_it_is_routed() -> None:
    async with media_call() as call:
        call.plane.join(ROOM, ANNE)
        call.plane.route(ROOM, Routing())
        assert call.offers == {}
        call.plane.route(ROOM, routing())
        await until(lambda: ANNE in call.offers)


async def test_without_a_place_in_the_routing_a_connection_ends() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        anne = await call.seat(ANNE)
        call.plane.route(ROOM, routing(people=(BO,)))
        await until(lambda: call.plane.stats()["peers"] == 0)
        await until(lambda: anne.peer.closed_by_server)


async def test_what_is_not_published_is_not_forwarded() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_sound()
        anne.send_picture(source=Source.SCREEN)
        anne.send_picture()
        await until(lambda: bo.received(96))
        assert len(bo.packets) == 1
        assert call.plane.stats()["dropped_unpublished"] == 2


async def test_a_track_published_later_is_offered_and_flows_and_rests_when_it_ends() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        call.plane.route(ROOM, routing(SCREEN))
        await until(lambda: SCREEN in bo.peer.offer.receive.values())
        anne.send_picture(source=Source.SCREEN)
        await until(lambda: bo.received(96))
        call.plane.route(ROOM, routing())
        anne.send_picture(source=Source.SCREEN)
        await until(lambda: not bo.peer.offer.receive)
        assert len(bo.received(96)) == 1


async def test_route_changes_during_an_offer_make_one_more_offer() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        peer = await call.offered(BO)
        for tracks in ([CAMERA], [CAMERA, SCREEN], [CAMERA, SCREEN, MICROPHONE]):
            call.plane.route(ROOM, routing(*tracks))
        await call.offered(ANNE)  # some turns of the loop
        assert len(call.offers[BO]) == 1
        call.plane.answer(ROOM, BO, 1, peer.answer())
        await until(lambda: len(call.offers[BO]) == 2)
        assert set(call.offers[BO][1].receive.values()) == {CAMERA, SCREEN, MICROPHONE}


async def test_an_unreadable_answer_is_refused_and_an_outdated_one_ignored() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        peer = await call.offered(ANNE)
        with pytest.raises(Invalid):
            call.plane.answer(ROOM, ANNE, 1, "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n")
        call.plane.answer(ROOM, ANNE, 0, "rubbish")
        call.plane.answer(ROOM, BO, 1, "rubbish")
        call.plane.answer(RoomId("con_other"), ANNE, 1, "rubbish")
        call.plane.answer(ROOM, ANNE, 1, peer.answer())
        await peer.connect()


async def test_a_new_subscriber_gets_pictures_from_a_key_frame_that_was_asked_for() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_picture(DELTA_FRAME)
        await until(lambda: anne.feedback(206, 1))
        anne.send_picture(DELTA_FRAME)
        anne.send_picture(KEY_FRAME)
        anne.send_picture(DELTA_FRAME)
        await until(lambda: len(bo.received(96)) == 2)
        assert [body(packet) for packet in bo.received(96)] == [KEY_FRAME, DELTA_FRAME]


async def test_requests_for_pictures_reach_the_publisher_but_not_too_often() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_picture()
        await until(lambda: bo.received(96))
        before = len(anne.feedback(206, 1))
        ssrc = header(bo.packets[0])[2]
        for _ in range(50):
            bo.peer.send(rtcp.picture_loss(ssrc))
        await until(lambda: len(anne.feedback(206, 1)) > before)
        assert len(anne.feedback(206, 1)) <= before + 2


async def test_what_a_subscriber_lost_is_sent_again_as_a_retransmission() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        for n in range(10):
            anne.send_picture(KEY_FRAME + bytes([n]))
        await until(lambda: len(bo.received(96)) == 10)
        lost = [header(packet)[0] for packet in bo.received(96)][3:6]
        bo.peer.send(rtcp.nack(header(bo.packets[0])[2], lost))
        await until(lambda: len(bo.received(97)) == 3)
        assert [struct.unpack_from("!H", body(packet))[0] for packet in bo.received(97)] == lost
        assert [body(packet)[2:] for packet in bo.received(97)] == [KEY_FRAME + bytes([n]) for n in (3, 4, 5)]
        assert len({header(packet)[2] for packet in bo.packets}) == 2, "under an SSRC of its own"


async def test_what_the_server_lost_is_asked_for_and_forwarded_once_when_it_comes() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_picture(KEY_FRAME)
        lost = anne.send_picture(DELTA_FRAME + b"lost", lost=True)
        anne.send_picture(DELTA_FRAME)
        await until(lambda: anne.feedback(205, 1))
        report = anne.feedback(205, 1)[0]
        (packet,) = rtcp.packets(report, len(report))
        assert rtcp.nacked(report, packet) == [lost]
        ssrc, rtx_ssrc = anne.peer.ssrcs[Source.CAMERA]
        assert rtcp.media_ssrc(report, packet) == ssrc
        for seq in (5, 6):  # the second is a browser's probing with old packets
            anne.peer.send(
                rtp(
                    ssrc=rtx_ssrc,
                    payload_type=97,
                    seq=seq,
                    timestamp=lost * 3000,
                    payload=struct.pack("!H", lost) + DELTA_FRAME + b"lost",
                )
            )
        await until(lambda: len(bo.received(96)) == 3 and call.plane.stats().get("dropped_duplicate") == 1)
        numbers = [header(packet)[0] for packet in bo.received(96)]
        assert sorted(numbers) == [numbers[0], numbers[0] + 1, numbers[0] + 2]
        assert body(bo.received(96)[2]) == DELTA_FRAME + b"lost"


async def test_what_never_comes_again_is_given_up_and_a_picture_is_asked_for() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_picture(KEY_FRAME)
        await until(lambda: bo.received(96))
        before = len(anne.feedback(206, 1))
        anne.send_picture(DELTA_FRAME, lost=True)
        anne.send_picture(DELTA_FRAME)
        await until(lambda: len(anne.feedback(206, 1)) > before)
        assert 3 <= len(anne.feedback(205, 1)) <= 11


async def test_the_publishers_clock_reaches_subscribers_in_their_numbers() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_picture()
        await until(lambda: bo.received(96))
        anne.peer.send(rtcp.sender_report(anne.peer.ssrcs[Source.CAMERA][0], 0x1122334455667788, 90_000, 1, 9))
        await until(lambda: bo.feedback(200, 0))
        report = bo.feedback(200, 0)[0]
        (packet,) = rtcp.packets(report, len(report))
        ssrc = header(bo.packets[0])[2]
        assert rtcp.sender_info(report, packet) == rtcp.SenderInfo(ssrc, 0x1122334455667788, 90_000)


async def test_a_publisher_who_starts_over_continues_the_subscribers_stream() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_picture(KEY_FRAME + b"1")
        await until(lambda: bo.received(96))
        anne.peer.vanish()
        again = await call.seat(ANNE)
        again.seqs[Source.CAMERA] = 40_000
        again.send_picture(KEY_FRAME + b"2")
        await until(lambda: len(bo.received(96)) == 2)
        first, second = (header(packet) for packet in bo.received(96))
        assert second[0] == first[0] + 1
        assert second[2] == first[2]
        assert 0 < (second[1] - first[1]) & 0xFFFFFFFF < 10 * 90_000
        assert len(call.offers[BO]) == 1, "the subscriber need not know"


async def test_what_was_dropped_while_unpublished_is_not_asked_for() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_picture(KEY_FRAME)
        await until(lambda: bo.received(96))
        call.plane.route(ROOM, routing())
        for _ in range(5):
            anne.send_picture(DELTA_FRAME)
        await until(lambda: call.plane.stats().get("dropped_unpublished") == 5)
        call.plane.route(ROOM, routing(CAMERA))
        await until(lambda: CAMERA in bo.peer.offer.receive.values())
        anne.send_picture(KEY_FRAME)
        await until(lambda: len(bo.received(96)) == 2)
        assert not anne.feedback(205, 1)


async def test_publishers_hear_what_arrived_and_what_viewers_can_take() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        ssrc = anne.peer.ssrcs[Source.CAMERA][0]
        for n in range(5):
            anne.peer.send(
                rtp(
                    ssrc=ssrc,
                    payload_type=96,
                    seq=n,
                    timestamp=n,
                    payload=KEY_FRAME,
                    extensions=bytes([0x41, 0, 7 + n]),
                )
            )
        await until(lambda: anne.feedback(205, 15))
        base, number = struct.unpack_from("!HH", anne.feedback(205, 15)[0], 12)
        assert (base, number) == (7, 5)
        await until(lambda: len(bo.received(96)) == 5)

        estimates = itertools.chain([4_000_000] * 200, itertools.repeat(800_000))  # falls after two seconds

        def limited() -> bool:
            for _ in range(40):
                anne.send_picture(DELTA_FRAME + bytes(1000))  # some megabits a second
            bo.peer.send(rtcp.remb(next(estimates), [header(bo.packets[0])[2]]))
            return bool(anne.feedback(206, 15) and anne.feedback(201, 1))

        await until(limited)
        report = anne.feedback(206, 15)[0]
        (packet,) = rtcp.packets(report, len(report))
        limit = rtcp.remb_bps(report, packet)
        assert limit is not None
        assert abs(limit - 864_000) < 100


async def test_an_ssrc_that_was_not_announced_is_learned_by_its_mid() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        peer = await call.offered(ANNE)
        answer = "\r\n".join(line for line in peer.answer().splitlines() if not line.startswith("a=ssrc"))
        call.plane.answer(ROOM, ANNE, peer.offer.generation, answer)
        await peer.connect()
        bo = await call.seat(BO)
        peer.send(rtp(ssrc=77, payload_type=96, seq=1, timestamp=1, payload=KEY_FRAME))
        peer.send(rtp(ssrc=78, payload_type=96, seq=1, timestamp=1, payload=KEY_FRAME, extensions=b"\x20" + b"1"))
        peer.send(rtp(ssrc=78, payload_type=96, seq=2, timestamp=2, payload=DELTA_FRAME))
        await until(lambda: len(bo.received(96)) == 2)
        assert call.plane.stats()["dropped_unknown_stream"] == 1


class Reel:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.taps: list[ReelTap] = []
        self.closed: list[TrackTap] = []
        self.durable: list[tuple[RoomId, RecordingId]] = []
        self.fail: Callable[[RoomId, RecordingId, str], None] = lambda _room, _recording, _reason: None

    def observe(self, on_failed: Callable[[RoomId, RecordingId, str], None]) -> None:
        self.fail = on_failed

    def open(
        self, room: RoomId, recording: RecordingId, track: TrackRef, request_key_frame: Callable[[], None]
    ) -> TrackTap:
        self.taps.append(ReelTap(track, request_key_frame))
        return self.taps[-1]

    def close(self, tap: TrackTap) -> None:
        self.closed.append(tap)

    async def close_recording(self, room: RoomId, recording: RecordingId) -> None:
        assert len(self.closed) == len(self.taps), "taps are closed first"
        self.durable.append((room, recording))


class ReelTap:
    def __init__(self, track: TrackRef, request_key_frame: Callable[[], None]) -> None:
        self.track = track
        self.request_key_frame = request_key_frame
        self.packets: list[tuple[int, int, bool, bytes]] = []
        self.clocks: list[tuple[int, int]] = []
        self.arrivals: list[int] = []

    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        self.packets.append((extended_seq, timestamp, marker, payload))
        self.arrivals.append(arrival_ns)

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None:
        self.clocks.append((ntp, rtp_timestamp))


async def test_the_recorder_hears_exactly_those_who_consented() -> None:
    reel, recording = Reel(), RecordingId("rec_1")
    async with media_call(recorder=reel) as call:
        plain = routing(CAMERA, MICROPHONE)
        call.plane.route(ROOM, plain)
        anne = await call.seat(ANNE)
        before = call.plane.stats()["datagrams_received"]
        anne.send_sound(b"before")
        await until(lambda: call.plane.stats()["datagrams_received"] > before)
        recorded = frozenset({MICROPHONE, CAMERA})
        call.plane.route(ROOM, Routing(plain.published, plain.subscriptions, recording, recorded))
        assert {tap.track for tap in reel.taps} == recorded
        sound = next(tap for tap in reel.taps if tap.track == MICROPHONE)
        picture = next(tap for tap in reel.taps if tap.track == CAMERA)
        seq = anne.send_sound(b"heard")
        anne.send_picture(KEY_FRAME)
        anne.peer.send(rtcp.sender_report(anne.peer.ssrcs[Source.MICROPHONE][0], 1 << 32, 480, 1, 1))
        await until(lambda: sound.packets and picture.packets and sound.clocks)
        assert sound.packets == [(0x10000 + seq, seq * 960, False, b"heard")]
        assert picture.packets[0][2:] == (True, KEY_FRAME)
        assert sound.clocks == [(1 << 32, 480)]
        assert abs(sound.arrivals[0] - picture.arrivals[0]) < 1_000_000_000
        assert anne.feedback(206, 1), "a key frame is asked for"
        call.plane.route(ROOM, Routing(plain.published, plain.subscriptions, recording, frozenset({CAMERA})))
        assert reel.closed == [sound]
        anne.send_sound(b"after consent was withdrawn")
        anne.send_picture(DELTA_FRAME)
        await until(lambda: len(picture.packets) == 2)
        assert len(sound.packets) == 1
        reel.fail(ROOM, recording, "storage_full")
        assert call.failures == ["storage_full"]
        await call.plane.close_room(ROOM)
        assert reel.durable == [(ROOM, recording)]


async def test_a_publisher_who_starts_over_is_recorded_by_a_new_tap() -> None:
    reel = Reel()
    async with media_call(recorder=reel) as call:
        plain = routing(MICROPHONE)
        call.plane.route(
            ROOM, Routing(plain.published, plain.subscriptions, RecordingId("rec_1"), frozenset({MICROPHONE}))
        )
        first = await call.seat(ANNE)
        await until(lambda: len(reel.taps) == 1)
        first.peer.vanish()
        await call.seat(ANNE)
        await until(lambda: len(reel.taps) == 2)
        assert reel.closed == reel.taps[:1]


async def test_silence_is_noticed_and_ends_when_sound_comes_back_or_in_being_gone() -> None:
    async with media_call(silent_after=timedelta(milliseconds=300), gone_after=timedelta(seconds=1)) as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        anne = await call.seat(ANNE)
        for _ in range(20):
            anne.send_sound()
            await until(lambda: True)
        await until(lambda: call.states[ANNE][-1] is MediaState.SILENT)
        anne.send_sound()
        await until(lambda: call.states[ANNE][-1] is MediaState.CONNECTED)
        await until(lambda: call.states[ANNE][-1] is MediaState.GONE)
        assert call.plane.stats()["peers"] == 0


async def test_somebody_who_has_nothing_to_send_is_not_called_silent_soon() -> None:
    async with media_call(silent_after=timedelta(milliseconds=200)) as call:
        call.plane.route(ROOM, routing())
        await call.seat(ANNE)
        await until(lambda: call.qualities, seconds=4)  # two seconds
        assert call.states[ANNE] == [MediaState.CONNECTING, MediaState.CONNECTED]


async def test_a_goodbye_is_gone_at_once() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        anne = await call.seat(ANNE)
        anne.peer.close()
        await until(lambda: call.states[ANNE][-1] is MediaState.GONE, seconds=0.5)


async def test_a_connection_that_never_comes_about_is_gone() -> None:
    async with media_call(gone_after=timedelta(milliseconds=300)) as call:
        call.plane.route(ROOM, routing())
        await call.offered(ANNE)
        await until(lambda: call.states[ANNE][-1] is MediaState.GONE)


async def test_somebody_who_left_may_join_again() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        anne = await call.seat(ANNE)
        call.plane.leave(ROOM, ANNE)
        await until(lambda: anne.peer.closed_by_server)
        anne.peer.vanish()
        await call.seat(ANNE)
        assert call.plane.stats()["peers_connected"] == 1


async def test_three_people_each_receive_the_other_two() -> None:
    async with media_call() as call:
        people = (ANNE, BO, CY)
        call.plane.route(ROOM, routing(*(TrackRef(who, Source.MICROPHONE) for who in people), people=people))
        seats = [await call.seat(who) for who in people]
        for n, seat in enumerate(seats):
            seat.send_sound(b"from %d" % n)
        for n, seat in enumerate(seats):
            await until(lambda seat=seat: len(seat.received(111)) == 2)
            assert {body(packet) for packet in seat.received(111)} == {b"from %d" % m for m in range(3) if m != n}


async def test_quality_is_measured_for_everybody_connected() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        for _ in range(30):
            anne.send_sound()
        await until(lambda: len(bo.received(111)) == 30)
        ssrc = header(bo.packets[0])[2]
        ntp = 0x1122334455667788
        anne.peer.send(rtcp.sender_report(anne.peer.ssrcs[Source.MICROPHONE][0], ntp, 0, 1, 1))
        await until(lambda: bo.feedback(200, 0))
        bo.peer.send(rtcp.receiver_report([rtcp.ReportBlock(ssrc, 0, 0, 0, 0, ntp >> 16 & 0xFFFFFFFF, 0)]))

        def told_of_both() -> bool:
            anne.send_sound(bytes(100))
            return bool(call.qualities) and len(call.qualities[-1]) == 2

        await until(told_of_both)
        told = call.qualities[-1]
        assert told[ANNE].score >= 4
        assert told[ANNE].bitrate_up_kbps > 10
        assert told[BO].bitrate_down_kbps > 10
        assert told[BO].round_trip_ms is not None
        assert told[BO].round_trip_ms < 500


async def test_whoever_speaks_is_told_and_how_long_they_spoke() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(TrackRef(ANNE, Source.MICROPHONE), TrackRef(BO, Source.MICROPHONE)))
        anne, bo = await call.seat(ANNE), await call.seat(BO)

        def speaker_after(anne_level: int, bo_level: int) -> ParticipantId | None:
            anne.send_sound(level=anne_level)
            bo.send_sound(level=bo_level)
            return call.speakers[-1] if call.speakers else None

        await until(lambda: speaker_after(30, 127) == ANNE)
        await until(lambda: speaker_after(127, 30) == BO)
        assert call.speakers == [ANNE, BO]
        await until(lambda: speaker_after(127, 30) and any(m.get(BO) and m[BO].talk_ms > 0 for m in call.qualities))


async def test_browsers_are_told_the_configured_addresses_or_the_machines_own() -> None:
    for host, announced, expected in (
        ("localhost", (), {"127.0.0.1"}),
        ("127.0.0.1", ("203.0.113.5", "2001:db8::5"), {"203.0.113.5", "2001:db8::5"}),
        ("0.0.0.0", (), set(own_addresses(ipv6=False)) or {"127.0.0.1"}),
    ):
        plane = UdpMediaPlane(now=utc_now, host=host, announced_addresses=announced)
        call = Call(plane)
        plane.observe(call)
        await plane.open()
        plane.route(ROOM, routing())
        plane.join(ROOM, ANNE)
        await until(lambda call=call: ANNE in call.offers)
        sdp = call.offers[ANNE][0].sdp
        assert {found[1] for found in re.finditer(r"a=candidate:\S+ 1 udp \d+ (\S+) ", sdp)} == expected
        assert f" {plane.local_port} typ host" in sdp
        await plane.close()
        assert not plane.is_open
