"""Asking for recordings that are in custody, and answering, on behalf of somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from care.access import Action, require
from care.ports import Store, UnitOfWork
from care.reach import changing, reach_consultation, reading
from care.recording import Recording
from care.recordings import RecordingService, watchable
from care.release import CustodyPart, EntrustedKey, GivenPart, Release, ReleaseState, ended, granted, is_over
from care.summary import ConsultationSummary
from identity.principal import Principal, Role
from kernel.errors import Conflict, NotFound
from kernel.ids import ConsultationId, ReleaseId, UserId, new_id

RELEASES_LIMIT: Final = 50  # shown at once


@dataclass(frozen=True, slots=True)
class ReleaseWithParts:
    """A release, and what was given for it."""

    release: Release
    parts: tuple[GivenPart, ...]
    is_over: bool


@dataclass(frozen=True, slots=True)
class Custody:
    """How a recording is kept, who asked for it, and, for a custodian, their own part of what opens it.

    `quorum` is None for one that is not in custody; then it is watched without a release.
    """

    quorum: int | None
    holders: tuple[UserId, ...]
    own_part: CustodyPart | None
    releases: tuple[ReleaseWithParts, ...]
    names: Mapping[UserId, str]


@dataclass(frozen=True, slots=True)
class WaitingRelease:
    """A request that a custodian may answer, and the visit it is about."""

    release: Release
    asked_by: str
    consultation: ConsultationSummary


@dataclass(frozen=True, slots=True)
class OpenedRelease:
    """Everything the asking browser needs to open a recording: parts sealed to it, and the key they open."""

    recording: Recording
    release: Release
    parts: tuple[GivenPart, ...]
    key: EntrustedKey


class ReleaseService:
    """Every step is an entry of the access log, with its reason."""

    def __init__(self, store: Store, recordings: RecordingService) -> None:
        self._store = store
        self._recordings = recordings

    async def of(self, principal: Principal, consultation: ConsultationId) -> Custody:
        """Return how a recording is kept; custodians see everybody's requests, others their own."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.RELEASE_ASK)
            return await _custody(work, principal, consultation)

    async def waiting(self, principal: Principal) -> Sequence[WaitingRelease]:
        """Return the requests to which a custodian could give a part and has not, oldest first."""
        async with reading(self._store, principal) as work:
            require(principal, Action.RELEASE_ANSWER)
            waiting = await work.releases.waiting_for(UserId(principal.subject), at=work.at, limit=RELEASES_LIMIT)
            return [
                WaitingRelease(
                    release,
                    (await work.people.member(release.asked_by)).name,
                    await work.consultations.summary(release.consultation),
                )
                for release in waiting
            ]

    async def ask(
        self, principal: Principal, consultation: ConsultationId, *, reason: str, public_key: bytes
    ) -> Custody:
        """Ask custodians for a recording, for the browser that has `public_key`; an earlier request is withdrawn.

        `NotFound`, `RecordingDestroyed`; `Conflict` when it is not in custody.
        """
        async with changing(self._store, principal) as work:
            await watchable(work, principal, consultation)
            await reach_consultation(work, principal, consultation, Action.RELEASE_ASK)
            quorum, who = await work.custody.quorum_of(consultation), UserId(principal.subject)
            if quorum is None:
                raise Conflict
            for earlier in await work.releases.of(consultation, asked_by=who, limit=RELEASES_LIMIT):
                if not is_over(earlier, work.at):
                    await work.releases.save(ended(earlier, ReleaseState.WITHDRAWN, who, at=work.at))
            release = Release(
                id=ReleaseId(new_id("rls")),
                consultation=consultation,
                asked_by=who,
                asked_at=work.at,
                reason=reason,
                public_key=public_key,
                quorum=quorum,
            )
            await work.releases.add(release)
            await _note(work, principal, Action.RELEASE_ASK, release, f"ask {reason}")
            return await _custody(work, principal, consultation)

    async def withdraw(self, principal: Principal, consultation: ConsultationId, release_id: ReleaseId) -> Custody:
        """Take one's own request back. `Conflict` when it is over."""
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.RELEASE_ASK)
            release = await _own(work, principal, consultation, release_id)
            await work.releases.save(ended(release, ReleaseState.WITHDRAWN, UserId(principal.subject), at=work.at))
            await _note(work, principal, Action.RELEASE_ASK, release, "withdraw")
            return await _custody(work, principal, consultation)

    async def give(
        self, principal: Principal, consultation: ConsultationId, release_id: ReleaseId, *, sealed: bytes
    ) -> Custody:
        """Give one's part, sealed to the asking browser. `Conflict` when one has none, gave it, or it is over."""
        async with changing(self._store, principal) as work:
            release = await _answerable(work, principal, consultation, release_id)
            who = UserId(principal.subject)
            own = await work.custody.part_for(consultation, who)
            parts = await work.releases.parts(release.id)
            if own is None or any(part.given_by == who for part in parts):
                raise Conflict
            changed = granted(release, len(parts) + 1, at=work.at)
            part = GivenPart(custodian_key=own.custodian_key, given_by=who, given_at=work.at, sealed=sealed)
            await work.releases.add_part(release.id, part)
            await work.releases.save(changed)
            await _note(work, principal, Action.RELEASE_ANSWER, release, f"give {len(parts) + 1} of {release.quorum}")
            return await _custody(work, principal, consultation)

    async def decline(
        self, principal: Principal, consultation: ConsultationId, release_id: ReleaseId, *, reason: str
    ) -> Custody:
        """Decline a request, or take back what was granted. `Conflict` when it is over."""
        async with changing(self._store, principal) as work:
            release = await _answerable(work, principal, consultation, release_id)
            who = UserId(principal.subject)
            await work.releases.save(ended(release, ReleaseState.DECLINED, who, at=work.at, reason=reason))
            await _note(work, principal, Action.RELEASE_ANSWER, release, f"decline {reason}")
            return await _custody(work, principal, consultation)

    async def open(self, principal: Principal, consultation: ConsultationId, release_id: ReleaseId) -> OpenedRelease:
        """Note that whoever asked is about to watch, and return what opens the recording. `Conflict` unless granted.

        `RecordingAltered` when it is not what was signed, `StorageAway` when that can't be told at the moment.
        """
        async with reading(self._store, principal) as work:
            recording = await watchable(work, principal, consultation)
            await _granted(work, principal, consultation, release_id)
        await self._recordings.require_unaltered(principal, recording)
        async with changing(self._store, principal) as work:
            await watchable(work, principal, consultation)
            release = await _granted(work, principal, consultation, release_id)
            await _note(work, principal, Action.RECORDING_VIEW, release, release.reason)
            key, parts = await work.custody.entrusted_key(consultation), await work.releases.parts(release.id)
        return OpenedRelease(recording, release, tuple(parts), key)

    async def require_granted(self, principal: Principal, consultation: ConsultationId) -> Recording:
        """Return a recording that is released to somebody; `NotFound` when it is not."""
        async with reading(self._store, principal) as work:
            recording = await watchable(work, principal, consultation)
            who = UserId(principal.subject)
            for release in await work.releases.of(consultation, asked_by=who, limit=RELEASES_LIMIT):
                if release.state is ReleaseState.GRANTED and not is_over(release, work.at):
                    return recording
        raise NotFound


async def _answerable(
    work: UnitOfWork, principal: Principal, consultation: ConsultationId, release_id: ReleaseId
) -> Release:
    await reach_consultation(work, principal, consultation, Action.RELEASE_ANSWER)
    release = await work.releases.get(release_id)
    if release.consultation != consultation:
        raise NotFound
    return release


async def _own(work: UnitOfWork, principal: Principal, consultation: ConsultationId, release_id: ReleaseId) -> Release:
    release = await work.releases.get(release_id)
    if release.consultation != consultation or release.asked_by != principal.subject:
        raise NotFound
    return release


async def _granted(
    work: UnitOfWork, principal: Principal, consultation: ConsultationId, release_id: ReleaseId
) -> Release:
    release = await _own(work, principal, consultation, release_id)
    if release.state is not ReleaseState.GRANTED or is_over(release, work.at):
        raise Conflict
    return release


async def _custody(work: UnitOfWork, principal: Principal, consultation: ConsultationId) -> Custody:
    is_custodian, who = principal.role is Role.CUSTODIAN, UserId(principal.subject)
    found = await work.releases.of(consultation, asked_by=None if is_custodian else who, limit=RELEASES_LIMIT)
    releases = [
        ReleaseWithParts(release, tuple(await work.releases.parts(release.id)), is_over(release, work.at))
        for release in found
    ]
    quorum = await work.custody.quorum_of(consultation)
    holders = [] if quorum is None else await work.custody.holders(consultation)
    own = await work.custody.part_for(consultation, who) if is_custodian and quorum is not None else None
    people = {*holders, *(part.given_by for each in releases for part in each.parts)}
    people |= {who for each in releases for who in (each.release.asked_by, each.release.ended_by) if who}
    names = {person: (await work.people.member(person)).name for person in people}
    return Custody(quorum, tuple(holders), own, tuple(releases), names)


async def _note(work: UnitOfWork, principal: Principal, action: Action, release: Release, detail: str) -> None:
    await work.audit.add(
        principal, action, object_type="consultation", object_id=release.consultation, detail=f"{detail} ({release.id})"
    )
