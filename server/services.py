"""Everything that a route may use, already open. Built by `server/wiring.py`, handed to each call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the wiring imports these when it opens them; declaring a route need not
    from datetime import datetime

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
    from demonstration.clinic import Demonstration
    from identity.service import SignInService
    from identity.tokens import TokenIssuer
    from kernel.clock import Now
    from media.plane import UdpMediaPlane
    from media.recorder import Recorder
    from records.blobs import BlobStore
    from records.deliveries import Deliveries
    from records.event_log import SqlEventLog
    from records.manifest_signing import ManifestSigner
    from records.package import ArchivePackager
    from records.recorded_media import RecordedMedia
    from records.segments import SegmentSink
    from records.unit_of_work import SqlStore
    from records.verification import ArchiveVerifier
    from rooms.service import RoomService
    from server.carrying_out import CarryingOut
    from server.composition import Composition
    from server.delivery import Delivery
    from server.hand_over import HandOver
    from server.storage_watch import StorageWatch
    from signaling import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The open parts of one node."""

    settings: Settings
    now: Now
    started_at: datetime
    demonstration: Demonstration | None  # None in a real installation
    # who asks
    issuer: TokenIssuer
    sign_in: SignInService
    # what is durable
    store: SqlStore
    event_log: SqlEventLog
    blobs: BlobStore
    recorded_media: RecordedMedia
    signer: ManifestSigner
    verifier: ArchiveVerifier
    packager: ArchivePackager
    segments: SegmentSink
    deliveries: Deliveries
    # what is live
    media: UdpMediaPlane
    recorder: Recorder
    rooms: RoomService
    gateway: Gateway
    # what happens afterwards
    composition: Composition
    delivery: Delivery
    hand_over: HandOver
    carrying_out: CarryingOut
    storage_watch: StorageWatch
    # what the clinic does
    directory: Directory
    consultations: ConsultationService
    invitations: InvitationService
    reception: ReceptionService
    attachments: AttachmentService
    left_messages: LeftMessageService
    chart: ChartService
    archive: ArchiveService
    access_history: AccessHistoryService
    holds: HoldService
    custodian_keys: CustodianKeyService
    releases: ReleaseService
    retention: RetentionService
    destructions: DestructionService
    recordings: RecordingService
