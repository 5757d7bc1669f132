"""What Prometheus may know: how much and how fast, and nobody's id."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kernel.ids import RoomId
from rooms.events import RoomEvent
from rooms.ports import EventPublisher

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double every counter, to no use here

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
        self._trouble = Counter(
            "consilium_connection_trouble",
            "Connections that sent no HTTP, went away early, or met a defect.",
            ("kind",),
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def request_answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def connection_troubled(self, kind: str) -> None:
        """Count one connection that brought no request which could be answered; `kind` as in `ConnectionLog`."""
        self._trouble.labels(kind).inc()

    def events_told(self, events: Sequence[RoomEvent]) -> None:
        """Count the events of a room by kind: messages are `MessagePosted`."""
        for event in events:
            self._events.labels(type(event.fact).__name__).inc()

    def watch(self, name: str, figures: Figures, *, moments: Collection[str]) -> None:
        """Ask `figures` at each scrape: those in `moments` are of the moment, the others only ever grow."""
        self._registry.register(_Watched(name, figures, frozenset(moments)))

    def watch_kinds(self, name: str, about: str, counts: Figures) -> None:
        """Ask `counts` at each scrape: one growing figure, divided by kind."""
        self._registry.register(_Kinds(name, about, counts))

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
    def __init__(self, name: str, figures: Figures, moments: frozenset[str]) -> None:
        self._name = name
        self._figures = figures
        self._moments = moments

    def collect(self) -> Iterator[Metric]:
        for key, value in self._figures().items():
            kind = GaugeMetricFamily if key in self._moments else CounterMetricFamily
            yield kind(f"consilium_{self._name}_{key}", key.replace("_", " ").capitalize() + ".", value=value)

    def describe(self) -> Iterator[Metric]:
        return iter(())  # nothing is asked before the first scrape


class _Kinds(Collector):
    def __init__(self, name: str, about: str, counts: Figures) -> None:
        self._name = name
        self._about = about
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(f"consilium_{self._name}", self._about, labels=("kind",))
        for kind, count in sorted(self._counts().items()):
            family.add_metric((kind,), count)
        yield family

    def describe(self) -> Iterator[Metric]:
        return iter(())
