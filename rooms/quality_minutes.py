"""How good each person's connection was, minute by minute: gathered in memory, taken once a minute to be stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kernel.ids import ParticipantId, RoomId
from rooms.ports import ConnectionQuality

MINUTE: Final = timedelta(minutes=1)
OPEN_LIMIT: Final = 20_000
"""People whose minute is being gathered at a time; of more nothing is kept."""

_SAMPLES_LIMIT: Final = 60  # of one minute: one is measured every two seconds and reported every ten
_DISTURBED_MS: Final = ((20_000, 2), (6_000, 3), (2_000, 4))
"""A minute with so much of picture or sound missing at the viewer scores at most this, whatever was measured."""


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """What one browser saw of what it received over the last seconds. None: it can't tell, or there was nothing."""

    freeze_ms: int  # time in which a picture stood still
    concealed_ms: int  # sound that was invented because it did not come in time
    frames_per_second: float | None
    picture_height: int | None  # of the largest picture: which layer it is
    round_trip_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMinute:
    """One person's connection over a minute, or what there was of it: the average, except where it is a sum."""

    participant: ParticipantId
    started_at: datetime
    score: int  # 1 (hardly usable) to 5 (good)
    round_trip_ms: int | None
    loss_percent: float  # the worse of both ways
    jitter_ms: float
    bitrate_up_kbps: int
    bitrate_down_kbps: int
    talk_ms: int  # a sum
    freeze_ms: int  # a sum
    concealed_ms: int  # a sum
    frames_per_second: float | None
    picture_height: int | None  # the largest


@dataclass(slots=True)
class _Gathering:
    """One person's minute while it lasts."""

    started_at: datetime
    measured: list[ConnectionQuality] = field(default_factory=list)
    reported: list[ReceptionReport] = field(default_factory=list)


class QualityMinutes:
    """The minutes of every live room of a node. Minutes are those of the clock."""

    def __init__(self) -> None:
        self._open: dict[tuple[RoomId, ParticipantId], _Gathering] = {}
        self._complete: list[tuple[RoomId, QualityMinute]] = []

    def measured(self, room: RoomId, qualities: Mapping[ParticipantId, ConnectionQuality], *, now: datetime) -> None:
        """Take what the server has measured of everybody in a call."""
        for participant, quality in qualities.items():
            gathering = self._gathering(room, participant, now)
            if gathering is not None and len(gathering.measured) < _SAMPLES_LIMIT:
                gathering.measured.append(quality)

    def reported(self, room: RoomId, participant: ParticipantId, report: ReceptionReport, *, now: datetime) -> None:
        """Take what a browser has seen; kept only beside measurements of our own."""
        gathering = self._gathering(room, participant, now)
        if gathering is not None and len(gathering.reported) < _SAMPLES_LIMIT:
            gathering.reported.append(report)

    def take(self, *, now: datetime, all_of_them: bool = False) -> list[tuple[RoomId, QualityMinute]]:
        """Return the minutes that are over, each once; `all_of_them`: those that are not, too."""
        for key, gathering in list(self._open.items()):
            if all_of_them or _minute_of(now) > _minute_of(gathering.started_at):
                self._close(key)
        complete, self._complete = self._complete, []
        return complete

    def end(self, room: RoomId) -> None:
        """The visit is over: its last minutes are, too."""
        for key in [key for key in self._open if key[0] == room]:
            self._close(key)

    def _gathering(self, room: RoomId, participant: ParticipantId, now: datetime) -> _Gathering | None:
        key = room, participant
        gathering = self._open.get(key)
        if gathering is not None and _minute_of(now) != _minute_of(gathering.started_at):
            self._close(key)
            gathering = None
        if gathering is None and len(self._open) + len(self._complete) < OPEN_LIMIT:
            gathering = self._open[key] = _Gathering(now)
        return gathering

    def _close(self, key: tuple[RoomId, ParticipantId]) -> None:
        room, participant = key
        gathering = self._open.pop(key)
        if gathering.measured:
            self._complete.append((room, _summed_up(participant, gathering)))


def _minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _summed_up(participant: ParticipantId, gathering: _Gathering) -> QualityMinute:
    measured, reported = gathering.measured, gathering.reported
    freeze_ms = min(sum(report.freeze_ms for report in reported), 60_000)
    concealed_ms = min(sum(report.concealed_ms for report in reported), 60_000)
    times = [*(each.round_trip_ms for each in measured), *(report.round_trip_ms for report in reported)]
    round_trips = [time for time in times if time is not None]
    rates = [report.frames_per_second for report in reported if report.frames_per_second is not None]
    average = round(sum(each.score for each in measured) / len(measured))
    missing_ms = max(freeze_ms, concealed_ms)
    return QualityMinute(
        participant=participant,
        started_at=gathering.started_at,
        score=min([average, *(most for limit, most in _DISTURBED_MS if missing_ms >= limit)]),
        round_trip_ms=round(_mean(round_trips)) if round_trips else None,
        loss_percent=round(_mean([each.loss_percent for each in measured]), 1),
        jitter_ms=round(_mean([each.jitter_ms for each in measured]), 1),
        bitrate_up_kbps=round(_mean([each.bitrate_up_kbps for each in measured])),
        bitrate_down_kbps=round(_mean([each.bitrate_down_kbps for each in measured])),
        talk_ms=min(sum(each.talk_ms for each in measured), 60_000),
        freeze_ms=freeze_ms,
        concealed_ms=concealed_ms,
        frames_per_second=round(_mean(rates), 1) if rates else None,
        picture_height=max((r.picture_height for r in reported if r.picture_height is not None), default=None),
    )


def _mean(values: list[int] | list[float]) -> float:
    return sum(values) / len(values)
