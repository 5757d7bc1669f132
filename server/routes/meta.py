"""What a browser must know before anybody signs in."""

import msgspec

from care import consent_texts
from care.attachment import FILE_LIMIT_BYTES
from rooms.chat import TEXT_LIMIT
from server.endpoint import Call, Routes
from server.version import VERSION

routes = Routes()


class DemoAccountView(msgspec.Struct, frozen=True):
    login: str
    password: str
    name: str
    role: str


class Bilingual(msgspec.Struct, frozen=True):
    en: str
    zh: str


class ConsentView(msgspec.Struct, frozen=True):
    """The words that consent to recording is asked with now; `texts` by language."""

    version: str
    texts: dict[str, str]


class LimitsView(msgspec.Struct, frozen=True):
    attachment_bytes: int
    message_chars: int


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing here is about anybody; the demonstration's accounts and link are there in demonstration mode only."""

    name: str
    clinic: Bilingual
    version: str
    demonstration: bool
    languages: tuple[str, ...]
    time_zone: str
    emergency: Bilingual
    consent: ConsentView
    limits: LimitsView
    turn: bool
    demo_accounts: list[DemoAccountView] | None = None
    demo_join_link: str | None = None


@routes.endpoint("GET", "/api/v1/meta", summary="What the server is", tag="meta", roles=None, response=Meta)
async def read_meta(call: Call[None, None]) -> Meta:
    settings, shown = call.services.settings, call.services.demonstration
    clinic = settings.clinic
    return Meta(
        name=clinic.name_en,
        clinic=Bilingual(clinic.name_en, clinic.name_zh),
        version=VERSION,
        demonstration=shown is not None,
        languages=clinic.languages,
        time_zone=clinic.time_zone,
        emergency=Bilingual(clinic.emergency_en, clinic.emergency_zh),
        consent=ConsentView(consent_texts.CURRENT, consent_texts.current_texts()),
        limits=LimitsView(FILE_LIMIT_BYTES, TEXT_LIMIT),
        turn=bool(settings.turn.urls),
        demo_accounts=None
        if shown is None
        else [DemoAccountView(one.login, one.password, one.name, one.role) for one in shown.accounts],
        demo_join_link=None if shown is None or not shown.links else shown.links[0].url(call.base_url),
    )
