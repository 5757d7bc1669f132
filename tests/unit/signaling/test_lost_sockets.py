"""Seats that are kept while media flows without a socket: given back once, or taken again."""

import asyncio

from kernel.ids import ConnectionId
from signaling.lost_sockets import LostSockets
from signaling.sessions import Seating
from tests.builders import DOCTOR, PATIENT, ROOM, principal
from tests.waiting import until

SEATS = [Seating(ROOM, who, ConnectionId(f"cnx_{who}")) for who in (PATIENT, DOCTOR)]


def keeping(*, kept_s: float = 60.0) -> tuple[LostSockets, list[Seating]]:
    lost, given_back = LostSockets(kept_s=kept_s), list[Seating]()
    lost.observe(given_back.append)
    for seat in SEATS:
        lost.keep(seat, principal(seat.participant))
    return lost, given_back


async def test_whose_media_ends_gives_the_seat_back_once() -> None:
    lost, given_back = keeping()
    for _ in range(2):
        lost.end(ROOM, PATIENT)
    assert given_back == SEATS[:1]


async def test_a_seat_that_is_taken_again_is_not_given_back() -> None:
    lost, given_back = keeping()
    lost.taken(ROOM, PATIENT)
    lost.end(ROOM, PATIENT)
    assert given_back == []


async def test_nobody_sits_without_a_socket_for_ever() -> None:
    _lost, given_back = keeping(kept_s=0.01)
    await until(lambda: len(given_back) == 2)
    await asyncio.sleep(0)
    assert given_back == SEATS


async def test_a_sign_in_that_is_over_holds_no_seat() -> None:
    lost, given_back = keeping()
    lost.end_sessions(principal(DOCTOR).session)
    assert given_back == SEATS[1:]
    lost.end_sessions(principal(PATIENT).subject)
    assert given_back == [*SEATS[1:], *SEATS[:1]]
