"""Where an installation keeps its data, and how that is opened: all that commands need which serve nobody."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from care.retention import RetentionRules
from config.settings import Settings, Storage
from records.blobs import BlobStore
from records.engine import Database, DatabaseUnusable
from records.event_log import SqlEventLog
from records.key_ring import KeyRing, KeyRingUnusable
from records.key_shares import KeyShares, KeySharesUnusable
from records.manifest_signing import ManifestSigner
from records.migrations import NewerDatabase, migrate
from records.object_store import ObjectStore, StoreAddress
from records.package import ArchivePackager
from records.recorded_media import RecordedMedia
from records.sealing import Sealer
from records.signing_keys import SigningKeys
from records.unit_of_work import SqlStore
from records.verification import ArchiveVerifier
from server.refusal import Refused


def database_url(settings: Settings) -> str:
    """Return where the database is: what the settings name, else SQLite in the data directory."""
    return settings.database.url or f"sqlite:///{settings.data.path / 'consilium.db'}"


def record_keys(settings: Settings) -> Path:
    """Return the file of the keys that wrap the consultations' data keys."""
    return settings.data.path / "keys" / "records.json"


def key_shares(settings: Settings) -> Path:
    """Return the file of the data keys' shares, which has its own rule for backups (docs/ARCHIVE.md)."""
    return settings.data.path / "keys" / "shares.db"


def token_keys(settings: Settings) -> Path:
    """Return the file of the secrets that sign tokens."""
    return settings.data.path / "keys" / "tokens.json"


def archive_keys(settings: Settings) -> Path:
    """Return the file of the keys that sign the archive."""
    return settings.data.path / "keys" / "archive.json"


def retention_rules(settings: Settings) -> RetentionRules:
    """Return how long what is kept is kept."""
    rule = settings.retention.rule
    return RetentionRules(settings.retention.jurisdiction, rule.recordings_years, rule.records_years, rule.basis)


def open_blobs(settings: Settings) -> BlobStore:
    """Return where sealed files are: the data directory, and the object store if the settings name one."""
    return BlobStore(settings.data.path / "blobs", open_object_store(settings.storage))


def open_object_store(storage: Storage) -> ObjectStore | None:
    """Return the object store that the settings name, None when they name none. Nothing is asked of it yet."""
    if not storage.url:
        return None
    try:
        return ObjectStore(
            StoreAddress(
                storage.url,
                endpoint=storage.endpoint,
                region=storage.region,
                key_id=storage.access_key_id,
                secret=storage.secret_access_key,
            )
        )
    except (ValueError, OSError) as error:
        raise Refused("storage.url, storage.endpoint: no object store can be reached like that") from error


def make_data_directory(settings: Settings) -> None:
    """Make the data directory where there is none, open to nobody but its owner."""
    directory = settings.data.path
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Refused(f"the data directory {directory} can't be made: {error.strerror}") from error


def open_key_ring(path: Path) -> KeyRing:
    """Read the secrets at `path`, or make them where there are none."""
    try:
        return KeyRing.load_or_create(path)
    except KeyRingUnusable as error:
        raise Refused(str(error)) from error


async def open_sealer(settings: Settings, database: Database) -> Sealer:
    """Return what seals and opens the records, with the keys of the data directory."""
    ring = open_key_ring(record_keys(settings))
    try:
        sealer = Sealer(database, ring, KeyShares(key_shares(settings)))
        await sealer.require_shares()
    except (KeySharesUnusable, OSError) as error:
        raise Refused(str(error)) from error
    return sealer


def open_signing_keys(path: Path, *, at: datetime) -> SigningKeys:
    """Read the signing keys at `path`, or begin with a first one."""
    try:
        return SigningKeys.load_or_create(path, at=at)
    except KeyRingUnusable as error:
        raise Refused(str(error)) from error


@dataclass(frozen=True, slots=True)
class SignedArchive:
    """What signs recorded visits, checks them and hands them out."""

    keys: SigningKeys
    signer: ManifestSigner
    verifier: ArchiveVerifier
    packager: ArchivePackager


def open_signed_archive(
    settings: Settings, store: SqlStore, log: SqlEventLog, blobs: BlobStore, media: RecordedMedia, *, at: datetime
) -> SignedArchive:
    """Read the signing keys, or begin with a first one, and make what works with them."""
    keys = open_signing_keys(archive_keys(settings), at=at)
    signer = ManifestSigner(store, log, blobs, keys)
    packager = ArchivePackager(store=store, log=log, blobs=blobs, media=media, keys=keys, signer=signer)
    return SignedArchive(keys, signer, ArchiveVerifier(store, blobs, keys), packager)


async def open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    """Open the database, brought to the shape that this version needs; `stack` closes it."""
    make_data_directory(settings)
    try:
        database = Database(database_url(settings))
        await asyncio.to_thread(migrate, database_url(settings))
        await database.open()
    except NewerDatabase as error:
        raise Refused("the database was made by a newer version of Consilium: start that one") from error
    except DatabaseUnusable as error:
        raise Refused(f"the database can't be used: {error}") from error
    except ValueError as error:
        raise Refused(f"database.url: {error}") from error
    stack.push_async_callback(database.close)
    return database
