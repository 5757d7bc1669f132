"""What an operator does about what is due to be destroyed."""

import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from care.access import Action
from care.destruction import Destruction, DestructionState, confirmed
from care.retention import DueVisit, RetentionClass, RetentionRule
from config.settings import Settings
from identity.audit import SYSTEM, AuditEntry
from kernel.errors import NotFound
from kernel.ids import DestructionId
from records.canonical_json import instant
from records.destruction import Destroyer
from records.unit_of_work import SqlStore
from server.archive_commands import OpenedArchive, opened_archive
from server.progress_bar import ProgressBar
from server.refusal import Refused
from server.storage import retention_rules

_PAGE: Final = 500
_SHOWN: Final = 20
_AGREED: Final = "destroy"


async def show_due(settings: Settings, kind: RetentionClass, *, at: datetime, as_json: bool) -> int:
    """List what is due at `at`, the longest due first, and what of it a hold protects."""
    rule = retention_rules(settings).of(kind)
    due = held = 0
    async with opened_archive(settings) as archive:
        async for visit in _due(archive.store, rule, at):
            due += not visit.is_held
            held += visit.is_held
            _say(json.dumps(_as_json(visit, rule)) if as_json else _as_words(visit, rule))
    if not as_json:
        _say(f"{due} {kind} due at {instant(at)[:10]} ({rule.years} years), {held} more under hold.")
    return 0


async def show_proposals(settings: Settings) -> int:
    """List what custodians proposed to destroy and nobody has confirmed."""
    async with opened_archive(settings) as archive, archive.store.read() as work:
        proposed = [
            each for each in await work.destructions.newest(limit=_SHOWN) if each.state is DestructionState.PROPOSED
        ]
        for each in proposed:
            counts, by = await work.destructions.counts(each.id), await work.people.member(each.proposed_by)
            _say(f"{each.id}  {counts.waiting} {each.kind}, due {instant(each.due_at)[:10]}, proposed by {by.name}")
    if not proposed:
        _say("Nothing is proposed. A custodian proposes on the page 'Retention'.")
    return 0


async def destroy(settings: Settings, named: str, *, asks: bool) -> int:
    """Confirm a custodian's proposal, as the second person, and carry it out; 1 when files are left."""
    async with opened_archive(settings) as archive:
        proposed = await _proposal(archive, DestructionId(named))
        async with archive.store.read() as work:
            count = (await work.destructions.counts(proposed.id)).waiting
        if asks:
            _require_agreement(count, proposed.kind)
        async with archive.store.write() as work:
            agreed = confirmed(await work.destructions.get(proposed.id), None, at=work.at)
            await work.destructions.save(agreed)
            entry = AuditEntry(
                work.at, SYSTEM, "", Action.DESTRUCTION_CHANGE, "destruction", agreed.id, detail="confirm"
            )
            await work.audit.add_entries([entry])
        destroyer = Destroyer(archive.store, archive.blobs, archive.signed.signer, retention_rules(settings))
        progress = ProgressBar(1, "proposal")
        await destroyer.carry_out(agreed)
        progress.advance()
        progress.end()
        left = await destroyer.sweep()
        async with archive.store.read() as work:
            counts = await work.destructions.counts(agreed.id)
    _say(f"{counts.destroyed} {agreed.kind} destroyed, {counts.kept} kept (under hold by now, or not due).")
    _say("Copies of keys/shares.db from before still open them: delete those.")
    if left:
        _say(f"{left} files, unreadable already, could not be removed: the server tries again.")
    return 1 if left else 0


async def _proposal(archive: OpenedArchive, named: DestructionId) -> Destruction:
    async with archive.store.read() as work:
        try:
            found = await work.destructions.get(named)
        except NotFound:
            raise Refused("there is no such proposal: python -m server archive destroy") from None
    if found.state is not DestructionState.PROPOSED:
        raise Refused(f"the proposal is {found.state} already")
    return found


def _require_agreement(count: int, kind: RetentionClass) -> None:
    if not sys.stdin.isatty():
        raise Refused("nothing destroyed: there is nobody to ask; look at the proposal, then give --yes")
    sys.stdout.write(f"{count} {kind} will be destroyed for ever. Type '{_AGREED}' to go on: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != _AGREED:
        raise Refused("nothing destroyed")


async def _due(store: SqlStore, rule: RetentionRule, at: datetime) -> AsyncIterator[DueVisit]:
    after = None
    while True:
        async with store.read() as work:
            page = await work.retention.due(rule.kind, rule.finished_before(at), after=after, limit=_PAGE)
        for visit in page:
            yield visit
        if len(page) < _PAGE:
            return
        after = page[-1].place


def _as_words(visit: DueVisit, rule: RetentionRule) -> str:
    since = instant(rule.due_at(visit.finished_at))[:10]
    return f"{visit.consultation.id}  ended {instant(visit.finished_at)[:10]}  due {since}{'  HELD' * visit.is_held}"


def _as_json(visit: DueVisit, rule: RetentionRule) -> dict[str, object]:
    return {
        "consultation": visit.consultation.id,
        "kind": rule.kind,
        "finished_at": instant(visit.finished_at),
        "due_at": instant(rule.due_at(visit.finished_at)),
        "held": visit.is_held,
    }


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
