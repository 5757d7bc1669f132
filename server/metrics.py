"""What Prometheus may know: how much and how fast, and nobody's id."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kernel.ids import RoomId
from rooms.events import RoomEvent
from rooms.ports import EventPublisher

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Figures = Callable[[], Mapping[str, float]]


class Metrics:
    """The figures of one node. Labels are routes, methods, statuses and kinds of events: never ids or names."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "consilium_http_requests", "Answered HTTP requests.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "consilium_http_request_seconds",
            "Time until the answer was complete.",
            ("route",),
            registry=self._registry,
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10),
        )
        self._events = Counter(
            "consilium_room_events", "Stored and told events of rooms.", ("kind",), registry=self._registry
        )
        ProcessCollector(registry=self._registry)

    def request_answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def events_told(self, events: Sequence[RoomEvent]) -> None:
        """Count the events of a room by kind: messages are `MessagePosted`."""
        for event in events:
            self._events.labels(type(event.fact).__name__).inc()

    def watch(self, prefix: str, figures: Figures, *, counters: Iterable[str] = ()) -> None:
        """Ask `figures` at each scrape; those named in `counters` only ever grow, the others are of the moment."""
        self._registry.register(_Watched(prefix, figures, frozenset(counters)))

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


class CountedPublisher:
    """Counts what it passes on."""

    def __init__(self, publisher: EventPublisher, metrics: Metrics) -> None:
        self._publisher = publisher
        self._metrics = metrics

    async def publish(self, room: RoomId, events: Sequence[RoomEvent]) -> None:
        """Implements `rooms.ports.EventPublisher`."""
        self._metrics.events_told(events)
        await self._publisher.publish(room, events)


class _Watched(Collector):
    def __init__(self, prefix: str, figures: Figures, counters: frozenset[str]) -> None:
        self._prefix = prefix
        self._figures = figures
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        for name, value in self._figures().items():
            kind = CounterMetricFamily if name in self._counters else GaugeMetricFamily
            yield kind(f"consilium_{self._prefix}_{name}", name.replace("_", " ").capitalize() + ".", value=value)

    def describe(self) -> Iterator[Metric]:
        return iter(())  # nothing is asked before the first scrape
