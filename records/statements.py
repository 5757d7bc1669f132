"""Signed statements about an archived visit: what its manifest's root is, what its film is, what was handed out.

A statement is canonical JSON; the signature is over its text with a first line that no other use of the key has. Each
is also an entry of the access log, in the transaction that stores it: the chain of that log is what dates it. The log
has every key's beginning as well, so what a key signed after its successor had begun is found, whatever time it claims.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from identity.audit import SYSTEM, AuditEntry, AuditTrail
from kernel.ids import ConsultationId
from records.canonical_json import canonical, from_canonical
from records.signing_keys import SigningKeys

SCHEMA: Final = "consilium-statement/1"
PREFIX: Final = b"consilium-statement/1\n"
"""Signed before the text: nothing else that this key signs begins so."""

KEYS_OBJECT: Final = "archive-keys"
"""Under this object the access log has the beginning of every key."""

KEY_BEGINS: Final = "archive.key"
SIGNED: Final = "archive.sign"


class StatementKind(StrEnum):
    MANIFEST = "manifest"
    FILM = "film"
    PACKAGE = "package"
    DESTRUCTION = "destruction"  # of a recording
    ERASURE = "erasure"  # of messages, notes and files


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` is exactly what was signed, after `PREFIX`."""

    kind: StatementKind
    text: bytes
    signature: bytes

    @property
    def content(self) -> Mapping[str, Any]:
        """What it says. ValueError unless it is a statement of this kind in canonical form."""
        content = from_canonical(self.text)
        if not isinstance(content, dict) or (content.get("schema"), content.get("kind")) != (SCHEMA, self.kind.value):
            raise ValueError("not a statement")
        return content

    @property
    def words(self) -> str:
        """How the access log has it."""
        return f"{self.kind} {hashlib.sha256(self.text + self.signature).hexdigest()}"


async def note_key(trail: AuditTrail, keys: SigningKeys, at: datetime) -> None:
    """Write the beginning of the active key into the access log, unless it is there."""
    words = key_words(keys.active.id, keys.active.raw)
    newest = await trail.page(object_id=KEYS_OBJECT, limit=1)
    if not newest or newest[0].entry.detail != words:
        await trail.add_entries([AuditEntry(at, SYSTEM, "", KEY_BEGINS, "installation", KEYS_OBJECT, detail=words)])


def key_words(key: str, raw: bytes) -> str:
    """Return how the access log has the beginning of a key."""
    return f"{key} ed25519 {raw.hex()}"


def signed(keys: SigningKeys, kind: StatementKind, content: Mapping[str, Any]) -> Statement:
    """Return a statement that the active key signs."""
    text = canonical({**content, "schema": SCHEMA, "kind": kind.value, "key": keys.active.id})
    return Statement(kind, text, keys.sign(PREFIX + text))


def entry_for(statement: Statement, consultation: ConsultationId, *, at: datetime) -> AuditEntry:
    """Return the access log's entry about a statement."""
    return AuditEntry(at, SYSTEM, "", SIGNED, "consultation", consultation, detail=statement.words)
