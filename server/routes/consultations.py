"""The calendar of consultations."""

from datetime import date, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from care.consultations import MINUTES, REASON_CHARS, ConsultationBegun
from identity.principal import Role
from kernel.ids import DepartmentId, PatientId, UserId
from server.endpoint import Call, Input, Routes
from server.fields import PRINTABLE_LINES, zone_of
from server.views import ConsultationView

routes = Routes()

_READERS: Final = frozenset({Role.CLINICIAN, Role.PATIENT, Role.ADMINISTRATOR, Role.CUSTODIAN})
_SEATED: Final = frozenset({Role.CLINICIAN, Role.PATIENT, Role.GUEST})
_PLANNERS: Final = frozenset({Role.CLINICIAN, Role.ADMINISTRATOR})


class CalendarQuery(Input):
    """One day in a time zone (IANA name; the clinic's when left out); without `day` what is coming and the latest."""

    day: date | None = None
    zone: Annotated[str, Meta(max_length=64)] | None = None


class ConsultationList(msgspec.Struct, frozen=True):
    """Earliest first."""

    consultations: list[ConsultationView]


class SeatClinician(msgspec.Struct, frozen=True):
    name: str


class SeatDepartment(msgspec.Struct, frozen=True):
    name_en: str
    name_zh: str


class SeatView(msgspec.Struct, frozen=True, kw_only=True):
    """As whom one may come in, to whom and when. Nothing in it is about the patient."""

    role: Role
    name: str
    clinician: SeatClinician
    department: SeatDepartment
    scheduled_at: datetime


class LeftMessage(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is null when it is sealed end to end; `files` are the names of those that came with it."""

    at: datetime
    author_name: str
    text: str | None
    files: list[str]


class LeftMessageList(msgspec.Struct, frozen=True):
    """Oldest first."""

    messages: list[LeftMessage]


class ConsultationBody(Input):
    patient: str
    clinician: str
    scheduled_at: Annotated[datetime, Meta(tz=True)]
    planned_minutes: Annotated[int, Meta(ge=MINUTES.start, lt=MINUTES.stop)]
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_CHARS, pattern=PRINTABLE_LINES)]
    department: str | None = None


@routes.endpoint(
    "GET",
    "/api/v1/consultations",
    summary="List one's own consultations; an administrator sees all",
    tag="consultations",
    roles=_READERS,
    query=CalendarQuery,
    response=ConsultationList,
)
async def list_consultations(call: Call[CalendarQuery, None]) -> ConsultationList:
    service, query = call.services.consultations, call.query
    if query.day is None:
        found = await service.around_now(call.principal)
    else:
        zone = zone_of(query.zone or call.services.settings.clinic.time_zone)
        found = await service.on_day(call.principal, query.day, zone)
    return ConsultationList([ConsultationView.of(summary) for summary in found])


@routes.endpoint(
    "POST",
    "/api/v1/consultations",
    summary="Plan a consultation; a clinician does so for themselves, an administrator for everybody",
    tag="consultations",
    roles=_PLANNERS,
    body=ConsultationBody,
    response=ConsultationView,
    status=201,
)
async def plan_consultation(call: Call[None, ConsultationBody]) -> ConsultationView:
    body = call.body
    summary = await call.services.consultations.create(
        call.principal,
        patient=PatientId(body.patient),
        clinician=UserId(body.clinician),
        scheduled_at=body.scheduled_at,
        planned_minutes=body.planned_minutes,
        reason=body.reason,
        department=DepartmentId(body.department) if body.department else None,
    )
    return ConsultationView.of(summary)


@routes.endpoint(
    "GET",
    "/api/v1/consultations/{consultation}",
    summary="Read one consultation",
    tag="consultations",
    roles=_READERS,
    response=ConsultationView,
)
async def read_consultation(call: Call[None, None]) -> ConsultationView:
    summary = await call.services.consultations.read(call.principal, call.consultation)
    return ConsultationView.of(summary)


@routes.endpoint(
    "GET",
    "/api/v1/consultations/{consultation}/seat",
    summary="Read who may be met in a consultation and when, as anybody may who has a seat in it, guests too",
    tag="consultations",
    roles=_SEATED,
    response=SeatView,
)
async def read_seat(call: Call[None, None]) -> SeatView:
    seat = await call.services.reception.seat(call.principal, call.consultation)
    return SeatView(
        role=seat.role,
        name=seat.name,
        clinician=SeatClinician(seat.clinician_name),
        department=SeatDepartment(seat.department_en, seat.department_zh),
        scheduled_at=seat.scheduled_at,
    )


@routes.endpoint(
    "GET",
    "/api/v1/consultations/{consultation}/left-messages",
    summary="Read what the others wrote in one's consultation and one has not read yet, also when it is over",
    tag="consultations",
    roles={Role.PATIENT},
    response=LeftMessageList,
)
async def read_left_messages(call: Call[None, None]) -> LeftMessageList:
    messages = await call.services.left_messages.read(call.principal, call.consultation)
    return LeftMessageList(
        [
            LeftMessage(
                at=message.at,
                author_name=message.author_name,
                text=message.text,
                files=[attachment.name for attachment in message.attachments],
            )
            for message in messages
        ]
    )


@routes.endpoint(
    "POST",
    "/api/v1/consultations/{consultation}/cancel",
    summary="Take a consultation that has not begun off the calendar",
    tag="consultations",
    roles=_PLANNERS,
    response=ConsultationView,
    errors=[ConsultationBegun],
)
async def cancel_consultation(call: Call[None, None]) -> ConsultationView:
    summary = await call.services.consultations.cancel(call.principal, call.consultation)
    return ConsultationView.of(summary)
