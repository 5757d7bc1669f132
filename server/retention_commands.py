"""What an operator does about recordings whose time is over."""

import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from care.retention import DueVisit, RetentionRule
from config.settings import Settings
from kernel.clock import utc_now
from records.canonical_json import instant
from records.destruction import Destroyer
from records.unit_of_work import SqlStore
from server.archive_commands import opened_archive
from server.progress_bar import ProgressBar
from server.refusal import Refused

_PAGE: Final = 500
_AGREED: Final = "destroy"


async def show_due(settings: Settings, *, at: datetime, as_json: bool) -> int:
    """List what is due at `at`, the longest due first, and what of it a hold protects."""
    rule = RetentionRule(settings.retention.recordings_years)
    due = held = 0
    async with opened_archive(settings) as archive:
        async for visit in _due(archive.store, rule, at):
            due += not visit.is_held
            held += visit.is_held
            _say(json.dumps(_as_json(visit, rule)) if as_json else _as_words(visit, rule))
    if not as_json:
        _say(f"{due} due at {instant(at)[:10]} ({rule.years} years), {held} more under hold.")
    return 0


async def destroy_due(settings: Settings, *, asks: bool) -> int:
    """Destroy everything that is due now and under no hold; 1 when files are left that could not be removed."""
    rule, at = RetentionRule(settings.retention.recordings_years), utc_now()
    async with opened_archive(settings) as archive:
        due = [visit.consultation.id async for visit in _due(archive.store, rule, at) if not visit.is_held]
        if due and asks:
            _require_agreement(len(due))
        destroyer = Destroyer(archive.store, archive.blobs, archive.signed.signer, rule)
        progress = ProgressBar(len(due), "recordings")
        destroyed = shared = 0
        for consultation in due:
            async with archive.store.read() as work:
                shared += not await work.retention.has_own_key(consultation)
            destroyed += await destroyer.destroy(consultation, at=at)
            progress.advance()
        progress.end()
        left = await destroyer.sweep()
    _say(f"{destroyed} recordings destroyed. Copies of keys/shares.db from before still open them: delete those.")
    if shared:
        _say(f"{shared} of them shared their record's key, which stays: copies of their files elsewhere still open.")
    if left:
        _say(f"{left} files, unreadable already, could not be removed: run this again when storage answers.")
    return 1 if left else 0


def _require_agreement(count: int) -> None:
    if not sys.stdin.isatty():
        raise Refused("nothing destroyed: there is nobody to ask; look at `archive due`, then give --yes")
    sys.stdout.write(f"{count} recordings will be destroyed for ever. Type '{_AGREED}' to go on: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != _AGREED:
        raise Refused("nothing destroyed")


async def _due(store: SqlStore, rule: RetentionRule, at: datetime) -> AsyncIterator[DueVisit]:
    after = None
    while True:
        async with store.read() as work:
            page = await work.retention.due(rule.finished_before(at), after=after, limit=_PAGE)
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
        "finished_at": instant(visit.finished_at),
        "due_at": instant(rule.due_at(visit.finished_at)),
        "held": visit.is_held,
    }


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
