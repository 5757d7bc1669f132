"""The composition root: every part of a node, constructed and opened in order. Plain calls, no container."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta

from aiohttp import web

from care import consent_texts
from care.access_history import AccessHistoryService
from care.archive import ArchiveService
from care.attachments import AttachmentService
from care.chart import ChartService
from care.consultations import ConsultationService
from care.custodian_keys import CustodianKeyService
from care.destructions import DestructionService
from care.directory import Directory
from care.due_visits import RetentionService
from care.holds import HoldService
from care.invitations import InvitationService
from care.left_messages import LeftMessageService
from care.reception import ReceptionService
from care.recordings import RecordingService
from care.releases import ReleaseService
from config.settings import Settings
from demonstration import clinic
from demonstration.clinic import Demonstration
from demonstration.footage import Footage
from identity.service import SignInService
from identity.tokens import TokenIssuer
from kernel.clock import Now
from kernel.ids import ParticipantId, RoomId
from media.ice_servers import turn_credentials
from media.measure import measure
from media.plane import UdpMediaPlane
from media.recorder import Recorder
from records.attachment_blobs import SqlAttachmentBlobs
from records.custody import Custody
from records.deliveries import Deliveries
from records.destruction import Destroyer
from records.event_log import SqlEventLog
from records.recorded_media import RecordedMedia
from records.segments import SegmentSink
from records.unit_of_work import SqlStore
from rooms.ports import IceServer
from rooms.quality_minutes import QualityMinutes
from rooms.service import RoomService
from server.carrying_out import CarryingOut
from server.composition import Composition
from server.delivery import Delivery
from server.hand_over import HandOver
from server.housekeeping import Housekeeping
from server.metrics import CountedPublisher, Metrics
from server.quality_log import QualityLog
from server.refusal import Refused
from server.services import Services
from server.storage import (
    open_blobs,
    open_database,
    open_key_ring,
    open_sealer,
    open_signed_archive,
    retention_rules,
    token_keys,
)
from server.storage_watch import StorageWatch
from signaling import Gateway, create_server


async def open_services(
    settings: Settings, stack: AsyncExitStack, *, now: Now, metrics: Metrics, app: web.Application
) -> Services:
    """Open the node's parts in order; `stack` closes them in reverse. `app` gets the socket's path.

    Rooms and gateway are not closed by `stack` but by `drain`, earlier: while their sockets can still be told.
    """
    database = await open_database(settings, stack)
    sealer = await open_sealer(settings, database)
    store = SqlStore(database, sealer, now)
    event_log = SqlEventLog(database, sealer)
    stack.push_async_callback(event_log.close)
    issuer = TokenIssuer(open_key_ring(token_keys(settings)), now)
    sign_in = _sign_in(settings, stack, store, issuer)

    blobs = open_blobs(settings)
    reception = ReceptionService(store)
    attachments = AttachmentService(store, SqlAttachmentBlobs(database, sealer, blobs), event_log)
    await attachments.sweep()

    segments = SegmentSink(database, sealer, blobs, measure=measure, reserve_bytes=settings.storage.reserve_bytes)
    await segments.adopt()
    deliveries = Deliveries(database, blobs)
    recorded_media = RecordedMedia(database, sealer, blobs)
    demonstration = await _demonstration(settings, store, event_log, Footage(segments, recorded_media))
    signed = open_signed_archive(settings, store, event_log, blobs, recorded_media, at=now())
    hand_over = HandOver(Custody(database, sealer, quorum=settings.custody.quorum))
    composition = Composition(
        store=store,
        log=event_log,
        blobs=blobs,
        media=recorded_media,
        segments=segments,
        signer=signed.signer,
        deliveries=deliveries,
        on_composed=hand_over.take_up,
    )
    await composition.start()
    stack.push_async_callback(composition.close)
    hand_over.start()
    stack.push_async_callback(hand_over.close)

    rules = retention_rules(settings)
    carrying_out = CarryingOut(store, Destroyer(store, blobs, signed.signer, rules))
    carrying_out.start()
    stack.push_async_callback(carrying_out.close)

    delivery = _delivery(settings, stack, deliveries, now)
    storage_watch = _storage_watch(settings, stack, metrics)

    recorder = Recorder(segments)
    stack.push_async_callback(recorder.shut_down)
    media = await _media_plane(settings, stack, recorder, now)

    minutes = QualityMinutes()
    quality_log = QualityLog(minutes, store, now)
    quality_log.start()
    stack.push_async_callback(quality_log.close)

    def finished(room: RoomId) -> None:
        composition.finished(room)
        quality_log.finished(room)

    rooms = RoomService(
        log=event_log,
        media=media,
        now=now,
        on_finished=finished,
        quality=minutes,
        seat_limit=settings.limits.seats,
        idle=timedelta(seconds=settings.limits.room_idle_s),
    )
    gateway = create_server(
        verifier=issuer,
        rooms=rooms,
        media=media,
        reception=reception,
        consent_texts=consent_texts.text_for,
        attachments=attachments,
        ice_servers=_ice_servers(settings, now),
        ice_lifetime=timedelta(seconds=settings.turn.lifetime_s) if settings.turn.urls else None,
        origins=[settings.server.base_url.rstrip("/")] if settings.server.base_url else [],
    )
    rooms.announce_to(CountedPublisher(gateway, metrics))
    gateway.attach(app)

    _watch(metrics, media, recorder, rooms, gateway)
    recordings = RecordingService(store, signed.verifier)
    return Services(
        settings=settings,
        now=now,
        started_at=now(),
        demonstration=demonstration,
        issuer=issuer,
        sign_in=sign_in,
        store=store,
        event_log=event_log,
        blobs=blobs,
        recorded_media=recorded_media,
        signer=signed.signer,
        verifier=signed.verifier,
        packager=signed.packager,
        segments=segments,
        deliveries=deliveries,
        delivery=delivery,
        hand_over=hand_over,
        carrying_out=carrying_out,
        storage_watch=storage_watch,
        media=media,
        recorder=recorder,
        rooms=rooms,
        gateway=gateway,
        composition=composition,
        directory=Directory(store, lambda password, login: sign_in.hash_new_password(password, login=login)),
        consultations=ConsultationService(store),
        invitations=InvitationService(store),
        reception=reception,
        attachments=attachments,
        chart=ChartService(store),
        left_messages=LeftMessageService(store, event_log),
        archive=ArchiveService(store, event_log),
        access_history=AccessHistoryService(store),
        holds=HoldService(store),
        retention=RetentionService(store, rules),
        destructions=DestructionService(store, rules),
        recordings=recordings,
        custodian_keys=CustodianKeyService(store, quorum=settings.custody.quorum),
        releases=ReleaseService(store, recordings),
    )


async def drain(services: Services) -> None:
    """Let nobody in, tell who is here, close every socket and room; returns when all recorded segments are durable."""
    services.gateway.announce_draining()
    services.rooms.begin_draining()
    await services.gateway.close()
    await services.rooms.close()


def _sign_in(settings: Settings, stack: AsyncExitStack, store: SqlStore, issuer: TokenIssuer) -> SignInService:
    sign_in = SignInService(store, issuer, demonstration=settings.demonstration.enabled)
    stack.callback(sign_in.close)
    housekeeping = Housekeeping(sign_in)
    housekeeping.start()
    stack.push_async_callback(housekeeping.close)
    return sign_in


def _delivery(settings: Settings, stack: AsyncExitStack, deliveries: Deliveries, now: Now) -> Delivery:
    delivery = Delivery(deliveries, now)
    if settings.storage.url:
        delivery.start()
        stack.push_async_callback(delivery.close)
    return delivery


def _storage_watch(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> StorageWatch:
    watch = StorageWatch(settings.data.path, settings.storage.reserve_bytes)
    watch.start()
    stack.push_async_callback(watch.close)
    metrics.watch("storage", watch.figures, moments=("free_bytes", "total_bytes", "low"))
    return watch


async def _media_plane(settings: Settings, stack: AsyncExitStack, recorder: Recorder, now: Now) -> UdpMediaPlane:
    plane = UdpMediaPlane(
        now=now,
        host=settings.media.host,
        port=settings.media.port,
        announced_addresses=settings.media.announced_addresses,
        recorder=recorder,
        redundancy=settings.media.redundancy,
        silent_after=timedelta(milliseconds=settings.media.silent_after_ms),
        gone_after=timedelta(seconds=settings.media.gone_after_s),
    )
    await plane.open()
    stack.push_async_callback(plane.close)
    return plane


def _ice_servers(settings: Settings, now: Now) -> Callable[[ParticipantId], list[IceServer]]:
    return turn_credentials(
        urls=settings.turn.urls,
        secret=settings.turn.secret,
        lifetime=timedelta(seconds=settings.turn.lifetime_s),
        now=now,
    )


def _watch(metrics: Metrics, media: UdpMediaPlane, recorder: Recorder, rooms: RoomService, gateway: Gateway) -> None:
    """Let Prometheus see the live parts."""
    metrics.watch("media", media.stats, moments=("rooms", "peers", "peers_connected"))
    metrics.watch(
        "recorder",
        lambda: {
            "tracks": recorder.open_tracks,
            "queued_packets": recorder.queued_packets,
            "overruns": recorder.overruns,
        },
        moments=("tracks", "queued_packets"),
    )
    metrics.watch(
        "signaling",
        lambda: {"rooms": rooms.live_rooms, "sockets": gateway.open_sockets},
        moments=("rooms", "sockets"),
    )
    metrics.watch_kinds("signaling_trouble", "What was refused, malformed or cut off.", lambda: gateway.counts)


async def _demonstration(
    settings: Settings, store: SqlStore, log: SqlEventLog, footage: Footage
) -> Demonstration | None:
    """Make the invented clinic where it is wanted; keep its accounts, whose password is known, out of a real one."""
    if settings.demonstration.enabled:
        try:
            return await clinic.seed(store, log, footage)
        except clinic.NotADemonstration as error:
            raise Refused(
                "this data directory belongs to a real clinic: give the demonstration another, --data"
            ) from error
    async with store.read() as work:
        founded = await work.audit.page(object_id="demonstration", limit=1)
    if founded:
        raise Refused(
            "this data directory holds a demonstration, whose password is known: give a real clinic another, --data"
        )
    return None
