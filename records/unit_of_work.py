"""Every repository over one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from kernel.clock import Now
from records.archive import SqlArchive
from records.attachments import SqlAttachments
from records.audit import SqlAuditTrail
from records.consultations import SqlConsultations
from records.custodian_keys import SqlCustodianKeys
from records.custody import SqlCustody
from records.destructions import SqlDestructions
from records.engine import Connection, Database
from records.histories import SqlHistories
from records.holds import SqlHolds
from records.invitations import SqlInvitations
from records.manifests import SqlManifests
from records.notes import SqlNotes
from records.people import SqlPeople
from records.quality import SqlQuality
from records.recordings import SqlRecordings
from records.releases import SqlReleases
from records.retention import SqlRetention
from records.sealing import Sealer
from records.sessions import SqlSessions


@dataclass(frozen=True, slots=True)
class SqlUnit:
    """Implements `care.ports.UnitOfWork` and `identity.ports.SignInUnit`."""

    at: datetime
    people: SqlPeople
    consultations: SqlConsultations
    invitations: SqlInvitations
    histories: SqlHistories
    notes: SqlNotes
    attachments: SqlAttachments
    recordings: SqlRecordings
    quality: SqlQuality
    manifests: SqlManifests
    holds: SqlHolds
    retention: SqlRetention
    destructions: SqlDestructions
    custodian_keys: SqlCustodianKeys
    custody: SqlCustody
    releases: SqlReleases
    archive: SqlArchive
    sessions: SqlSessions
    audit: SqlAuditTrail


class SqlStore:
    """Implements `care.ports.Store` and `identity.ports.SignInStore`."""

    def __init__(self, database: Database, sealer: Sealer, now: Now) -> None:
        self._database = database
        self._sealer = sealer
        self._now = now

    @asynccontextmanager
    async def read(self) -> AsyncIterator[SqlUnit]:
        """Begin looking: one consistent snapshot, nothing can be changed."""
        async with self._database.read() as connection:
            yield self._unit(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[SqlUnit]:
        """Begin changing: committed when the block ends, rolled back when it raises."""
        async with self._database.write() as connection:
            yield self._unit(connection)

    def _unit(self, connection: Connection) -> SqlUnit:
        at = self._now()
        return SqlUnit(
            at=at,
            people=SqlPeople(connection),
            consultations=SqlConsultations(connection),
            invitations=SqlInvitations(connection),
            histories=SqlHistories(connection),
            notes=SqlNotes(connection, self._sealer),
            attachments=SqlAttachments(connection, self._sealer),
            recordings=SqlRecordings(connection),
            quality=SqlQuality(connection),
            manifests=SqlManifests(connection, self._sealer),
            holds=SqlHolds(connection),
            retention=SqlRetention(connection, self._sealer),
            destructions=SqlDestructions(connection),
            custodian_keys=SqlCustodianKeys(connection),
            custody=SqlCustody(connection, self._sealer),
            releases=SqlReleases(connection),
            archive=SqlArchive(connection),
            sessions=SqlSessions(connection),
            audit=SqlAuditTrail(connection, at=at),
        )
