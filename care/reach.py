"""Reaching something on behalf of somebody: the policy is asked on the way; what is looked at, or refused, is noted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from care.access import AccessRefused, Action, require, to_consultation, to_patient
from care.consultation import Consultation
from care.people import Patient
from care.ports import Store, UnitOfWork
from identity.audit import Outcome
from identity.principal import Principal, Role
from kernel.ids import ConsultationId, PatientId, UserId


@asynccontextmanager
async def reading(store: Store, principal: Principal) -> AsyncIterator[UnitOfWork]:
    """Begin looking on behalf of `principal`: what the policy refuses inside is in the access log."""
    async with _refusals_noted(store, principal), store.read() as work:
        yield work


@asynccontextmanager
async def changing(store: Store, principal: Principal) -> AsyncIterator[UnitOfWork]:
    """Begin changing on behalf of `principal`: what the policy refuses inside is in the access log, alone."""
    async with _refusals_noted(store, principal), store.write() as work:
        yield work


async def reach_consultation(
    work: UnitOfWork, principal: Principal, consultation: ConsultationId, action: Action
) -> Consultation:
    """Return the consultation for `action`; `NotFound` when there is none, `AccessRefused` when it is not for them."""
    found = await work.consultations.get(consultation)
    relationship = to_consultation(principal, found)
    if principal.role is Role.CLINICIAN and principal.subject != found.clinician:
        treats = await work.consultations.treats(UserId(principal.subject), found.patient)
        relationship = to_consultation(principal, found, treats=treats)
    require(principal, action, relationship, object_type="consultation", object_id=consultation)
    return found


async def reach_patient(work: UnitOfWork, principal: Principal, patient: PatientId, action: Action) -> Patient:
    """Return the patient for `action`; `NotFound` when there is none, `AccessRefused` when it is not for them."""
    found = await work.people.patient(patient)
    treats = principal.role is Role.CLINICIAN and await work.consultations.treats(UserId(principal.subject), patient)
    relationship = to_patient(principal, patient, treats=treats)
    require(principal, action, relationship, object_type="patient", object_id=patient)
    return found


async def note_reading(
    store: Store,
    principal: Principal,
    action: Action,
    object_type: str = "clinic",
    object_id: str = "-",
    *,
    detail: str = "",
) -> None:
    """Write into the access log what was just read; before it is given out, and never within the reading itself."""
    async with store.write() as work:
        await work.audit.add(principal, action, object_type=object_type, object_id=object_id, detail=detail)


@asynccontextmanager
async def _refusals_noted(store: Store, principal: Principal) -> AsyncIterator[None]:
    try:
        yield
    except AccessRefused as refused:
        async with store.write() as work:
            await work.audit.add(
                principal,
                refused.action,
                object_type=refused.object_type,
                object_id=refused.object_id,
                outcome=Outcome.REFUSED,
            )
        raise
