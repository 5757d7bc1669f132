"""Releases of recordings between rows and the domain."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from care.release import ASKED_FOR, GivenPart, Release, ReleaseState
from kernel.errors import NotFound
from kernel.ids import ConsultationId, CustodianKeyId, ReleaseId, UserId
from records.engine import Connection, uniqueness_as_conflict
from records.tables import custodian_keys, custody_parts, release_parts, releases


class SqlReleases:
    """Implements `care.ports.ReleaseRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, release: ReleaseId) -> Release:
        row = (await self._connection.execute(select(releases).where(releases.c.id == release))).one_or_none()
        if row is None:
            raise NotFound
        return _from_row(row)

    async def of(self, consultation: ConsultationId, *, asked_by: UserId | None, limit: int) -> list[Release]:
        query = select(releases).where(releases.c.consultation == consultation)
        if asked_by is not None:
            query = query.where(releases.c.asked_by == asked_by)
        query = query.order_by(releases.c.asked_at.desc(), releases.c.id).limit(limit)
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def waiting_for(self, custodian: UserId, *, at: datetime, limit: int) -> list[Release]:
        theirs = exists().where(
            custody_parts.c.consultation == releases.c.consultation,
            custody_parts.c.custodian_key == custodian_keys.c.id,
            custodian_keys.c.owner == custodian,
        )
        given = exists().where(release_parts.c.release == releases.c.id, release_parts.c.given_by == custodian)
        query = (
            select(releases)
            .where(releases.c.state == ReleaseState.ASKED, releases.c.asked_at >= at - ASKED_FOR, theirs, ~given)
            .order_by(releases.c.asked_at, releases.c.id)
            .limit(limit)
        )
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def add(self, release: Release) -> None:
        await self._connection.execute(insert(releases).values(**asdict(release)))

    async def save(self, release: Release) -> None:
        statement = update(releases).where(releases.c.id == release.id).values(**asdict(release))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound

    async def add_part(self, release: ReleaseId, part: GivenPart) -> None:
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(release_parts).values(release=release, **asdict(part)))

    async def parts(self, release: ReleaseId) -> list[GivenPart]:
        query = select(release_parts).where(release_parts.c.release == release).order_by(release_parts.c.given_at)
        return [
            GivenPart(
                custodian_key=CustodianKeyId(row.custodian_key),
                given_by=UserId(row.given_by),
                given_at=row.given_at,
                sealed=row.sealed,
            )
            for row in await self._connection.execute(query)
        ]


def _from_row(row: Row[*tuple[Any, ...]]) -> Release:
    return Release(
        id=ReleaseId(row.id),
        consultation=ConsultationId(row.consultation),
        asked_by=UserId(row.asked_by),
        asked_at=row.asked_at,
        reason=row.reason,
        public_key=row.public_key,
        quorum=row.quorum,
        state=ReleaseState(row.state),
        granted_at=row.granted_at,
        ended_by=None if row.ended_by is None else UserId(row.ended_by),
        ended_at=row.ended_at,
        decline_reason=row.decline_reason,
    )
