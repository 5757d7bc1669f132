"""What an operator does about custodians' keys, whether the server runs or not."""

import base64
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from care.access import Action
from care.custodian_key import RECEIVING, CustodianKey, CustodianKeyState, retired
from care.custodian_keys import put_in_place
from config.settings import Settings
from identity.audit import SYSTEM, AuditEntry
from identity.principal import Role
from kernel.clock import utc_now
from kernel.errors import NotFound
from kernel.ids import CustodianKeyId
from records import custodian_key_file
from records.canonical_json import instant
from records.custodian_key_file import FILE_LIMIT_BYTES, fingerprint_of, fresh_key, key_file
from records.custody import TooFewKeys
from records.hpke import is_public_key
from records.unit_of_work import SqlUnit
from server.archive_commands import OpenedArchive, opened_archive
from server.progress_bar import ProgressBar
from server.refusal import Refused

_SHORTEST: Final = 8  # of a fingerprint that is not given whole


def make_key(path: Path, *, owner: str, passphrase: str) -> int:
    """Write a fresh key to a new file that only its owner can read."""
    key = fresh_key()
    try:
        content = key_file(key, owner=owner, passphrase=passphrase)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (ValueError, OSError) as error:
        raise Refused(f"can't write {path}: {error.strerror}" if isinstance(error, OSError) else str(error)) from error
    with os.fdopen(file, "wb") as sink:
        sink.write(content)
    _say(f"{path}: keep it, and a copy of it, away from the server. Without it and its passphrase nothing opens.")
    _say(f"fingerprint {key.fingerprint}")
    return 0


async def propose(settings: Settings, path: Path, *, login: str) -> int:
    """Propose the public half of a key file's key for a custodian's account."""
    public = _public_key(path)
    async with opened_archive(settings) as archive, archive.store.write() as work:
        member = next((member for member in await work.people.members() if member.login == login), None)
        if member is None or member.role is not Role.CUSTODIAN:
            raise Refused(f"there is no custodian's account {login}")
        key = CustodianKeyId(fingerprint_of(public))
        if any(known.id == key for known in await work.custodian_keys.all()):
            raise Refused("this key is known already: python -m server custody keys")
        await work.custodian_keys.add(
            CustodianKey(
                id=key,
                owner=member.id,
                public_key=public,
                state=CustodianKeyState.PROPOSED,
                proposed_at=work.at,
            )
        )
        await _note(work, key, f"propose for {member.id}")
    _say(f"Proposed. Another custodian confirms it on the page, or: python -m server custody confirm {key[:16]}")
    return 0


async def confirm(settings: Settings, fingerprint: str) -> int:
    """Put a proposed key into force."""
    async with opened_archive(settings) as archive, archive.store.write() as work:
        key = await _found(work, fingerprint)
        if key.state is not CustodianKeyState.PROPOSED:
            raise Refused(f"the key is {key.state.replace('_', ' ')}")
        await put_in_place(work, replace(key, state=CustodianKeyState.IN_FORCE, confirmed_at=work.at))
        await _note(work, key.id, "confirm")
        receiving = len(await work.custodian_keys.receiving())
    needed = settings.custody.quorum
    _say(
        f"In force: {receiving} keys, of which it takes {needed}."
        if receiving >= needed
        else _too_few(receiving, needed)
    )
    return 0


async def retire(settings: Settings, fingerprint: str) -> int:
    """Seal nothing more to a key."""
    async with opened_archive(settings) as archive, archive.store.write() as work:
        key = await _found(work, fingerprint)
        if key.state not in RECEIVING:
            raise Refused(f"the key is {key.state.replace('_', ' ')}")
        await work.custodian_keys.save(retired(key, None, at=work.at))
        await _note(work, key.id, "retire")
        receiving = len(await work.custodian_keys.receiving())
    if receiving < settings.custody.quorum:
        _say(_too_few(receiving, settings.custody.quorum))
    _say("Retired. It still opens what was sealed to it: python -m server custody reseal")
    return 0


async def show_keys(settings: Settings, *, as_json: bool) -> int:
    """List the keys, and how many recordings are in custody."""
    async with opened_archive(settings) as archive:
        given = len(await archive.custody.given())
        async with archive.store.read() as work:
            keys = await work.custodian_keys.all()
            owners = {key.owner: (await work.people.member(key.owner)).name for key in keys}
    if as_json:
        shown = [
            {
                "fingerprint": key.id,
                "owner": owners[key.owner],
                "state": key.state,
                "proposed": instant(key.proposed_at),
            }
            for key in keys
        ]
        _say(json.dumps({"keys": shown, "quorum": settings.custody.quorum, "recordings": given}, indent=1))
        return 0
    for key in keys:
        _say(f"{key.id}  {key.state:12}  {owners[key.owner]}")
    receiving = sum(key.state in RECEIVING for key in keys)
    if receiving < settings.custody.quorum:
        _say(_too_few(receiving, settings.custody.quorum))
    _say(f"{given} recordings in custody.")
    return 0


async def reseal(settings: Settings, keys: Sequence[custodian_key_file.CustodianKey]) -> int:
    """Seal every recording in custody to the keys in force now: when a custodian comes or goes. 1 if some stay."""
    async with opened_archive(settings) as archive:
        given = await archive.custody.given()
        progress, left = ProgressBar(len(given), "recordings"), 0
        for consultation in given:
            try:
                await archive.custody.reseal(consultation, keys, at=utc_now())
            except TooFewKeys as error:
                left += 1
                progress.end()
                sys.stderr.write(f"{consultation}: {error}\n")
            else:
                await _note_reseal(archive, consultation)
            progress.advance()
        progress.end()
    _say(f"{len(given) - left} recordings sealed anew, {left} left as they were.")
    return 1 if left else 0


async def _note_reseal(archive: OpenedArchive, consultation: str) -> None:
    async with archive.store.write() as work:
        entry = AuditEntry(
            work.at, SYSTEM, "", Action.CUSTODIAN_KEY_CHANGE, "consultation", consultation, detail="reseal"
        )
        await work.audit.add_entries([entry])


async def _found(work: SqlUnit, fingerprint: str) -> CustodianKey:
    """Return the one key whose fingerprint begins so."""
    wanted = fingerprint.lower().replace(" ", "")
    matching = [key for key in await work.custodian_keys.all() if key.id.startswith(wanted)]
    if len(wanted) < _SHORTEST or len(matching) != 1:
        raise Refused("no key, or several, with this fingerprint: python -m server custody keys") from NotFound()
    return matching[0]


async def _note(work: SqlUnit, key: CustodianKeyId, detail: str) -> None:
    entry = AuditEntry(work.at, SYSTEM, "", Action.CUSTODIAN_KEY_CHANGE, "custodian_key", key, detail=detail)
    await work.audit.add_entries([entry])


def _public_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            stored = json.loads(file.read(FILE_LIMIT_BYTES))
        public = base64.b64decode(stored["public_key"], validate=True)
    except (OSError, ValueError, TypeError, KeyError):
        raise Refused(f"{path}: this is not a custodian's key file") from None
    if not is_public_key(public):
        raise Refused(f"{path}: this is not a custodian's key file")
    return public


def _too_few(receiving: int, needed: int) -> str:
    return f"{receiving} keys in force, {needed} needed: until then the server keeps the keys of recordings itself."


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
