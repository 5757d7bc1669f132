"""Every setting of a server with its default; `config/default.toml` explains each, `config/loader.py` reads them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from config.retention_rules import RULES, JurisdictionRule

Port = Annotated[int, Meta(ge=0, le=65535)]  # 0: any free one
Count = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how HTTP is spoken. `tls` "auto" speaks TLS on every address that is not loopback."""

    host: str = "127.0.0.1"
    port: Port = 8080
    base_url: str = ""  # what links begin with; empty: made from host, port and TLS
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-* headers are believed
    tls: Literal["auto", "on", "off"] = "auto"
    tls_certificate: str = ""
    tls_key: str = ""
    drain_s: Count = 20  # how long a stopping server may take to say goodbye and close recordings


@dataclass(frozen=True, slots=True)
class Data:
    """Where everything durable lives."""

    directory: str = "./data"

    @property
    def path(self) -> Path:
        """The data directory as an absolute path."""
        return Path(self.directory).expanduser().resolve()


@dataclass(frozen=True, slots=True)
class Database:
    url: str = field(default="", repr=False)  # empty: SQLite in the data directory; else postgresql://…


@dataclass(frozen=True, slots=True)
class Storage:
    """Where recordings are kept in the end. They are always written in the data directory first."""

    url: str = ""  # empty: they stay in the data directory; else "s3://bucket/prefix" or "file:///directory"
    endpoint: str = ""  # of a store that is not Amazon's
    region: str = "us-east-1"
    access_key_id: str = ""  # empty: the environment's AWS_ACCESS_KEY_ID and so on
    secret_access_key: str = field(default="", repr=False)
    reserve_mb: Annotated[int, Meta(ge=0)] = 512  # recording stops when less is free, so that all else goes on

    @property
    def reserve_bytes(self) -> int:
        """`reserve_mb` in bytes."""
        return self.reserve_mb << 20


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what must be kept is kept before it may be destroyed. 0 years: what the jurisdiction says."""

    jurisdiction: Literal["CN", "DE", "GB", "JP", "own"] = "CN"  # see config/retention_rules.py
    recordings_years: Annotated[int, Meta(ge=0, le=100)] = 0  # of consultations by sound and picture
    records_years: Annotated[int, Meta(ge=0, le=100)] = 0  # of messages, notes and files

    @property
    def rule(self) -> JurisdictionRule:
        """The jurisdiction's rule, with the numbers of years that were set in its place."""
        given = RULES[self.jurisdiction]
        return JurisdictionRule(
            self.recordings_years or given.recordings_years,
            self.records_years or given.records_years,
            "" if self.recordings_years or self.records_years else given.basis,
        )


@dataclass(frozen=True, slots=True)
class Custody:
    """Who can open a recording once its film is made; nobody but the server until custodians' keys are in force."""

    quorum: Annotated[int, Meta(ge=1, le=16)] = 1  # how many custodians it takes


@dataclass(frozen=True, slots=True)
class Media:
    """The one UDP socket that carries everybody's sound and pictures."""

    host: str = "0.0.0.0"  # noqa: S104 - media must be reachable on whatever address a browser is sent to
    port: Port = 8081  # 0: any free port
    announced_addresses: tuple[str, ...] = ()  # empty: the addresses of this machine
    redundancy: bool = True  # of sound, where the browser can
    silent_after_ms: Count = 1200
    gone_after_s: Count = 20


@dataclass(frozen=True, slots=True)
class Turn:
    """A coturn server with its shared secret; browsers get credentials that end after `lifetime_s`.

    Ten minutes at most: coturn takes a credential of any age to come, so that only we can keep them short.
    """

    urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    lifetime_s: Annotated[int, Meta(ge=10, le=600)] = 600


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A clinic of invented people with a published password. Never beside real patients."""

    enabled: bool = False


@dataclass(frozen=True, slots=True)
class Clinic:
    """What the pages say about the house."""

    name_en: str = "Consilium Clinic"
    name_zh: str = "康聚互联网医院"
    emergency_en: str = "If this is an emergency, call your local emergency number now."
    emergency_zh: str = "如遇紧急情况，请立即拨打120或前往最近的急诊。"
    languages: tuple[str, ...] = ("en", "zh-CN")
    time_zone: str = "UTC"  # IANA name; what "today" means where the browser does not say


@dataclass(frozen=True, slots=True)
class Limits:
    """How much anybody may ask of the server."""

    seats: Annotated[int, Meta(ge=2, le=32)] = 8  # participants in one room
    room_idle_s: Count = 600  # an empty room leaves memory after this
    header_wait_s: Count = 15
    body_wait_s: Count = 30


@dataclass(frozen=True, slots=True)
class Log:
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


@dataclass(frozen=True, slots=True)
class Settings:
    """One server, completely described. Printing it shows no secret."""

    server: Server = field(default_factory=Server)
    data: Data = field(default_factory=Data)
    database: Database = field(default_factory=Database)
    storage: Storage = field(default_factory=Storage)
    retention: Retention = field(default_factory=Retention)
    custody: Custody = field(default_factory=Custody)
    media: Media = field(default_factory=Media)
    turn: Turn = field(default_factory=Turn)
    demonstration: Demonstration = field(default_factory=Demonstration)
    clinic: Clinic = field(default_factory=Clinic)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
