"""Signing in, staying signed in and coming by a link, over real records."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from care.consultation import Status
from care.consultations import ConsultationService
from care.invitation import Relation
from care.invitations import LINK_LIFETIME, InvitationService
from identity import passwords
from identity.passwords import PasswordRefused
from identity.principal import Role
from identity.service import (
    REUSE_GRACE,
    SESSION_LIFETIME,
    InvitationClosed,
    SignInRefused,
    SignInService,
)
from identity.tokens import TokenIssuer
from kernel.errors import Overloaded, SignInRequired
from kernel.ids import ConsultationId
from records.key_ring import KeyRing
from tests.small_clinic import HAN, ROSE, ROSES_ACCOUNT, VISIT, SmallClinic, signed_in

PASSWORD = "correct horse battery"
HASH = passwords.hash_of(PASSWORD)


@pytest.fixture
def issuer(records: SmallClinic) -> TokenIssuer:
    return TokenIssuer(KeyRing.load_or_create(records.directory / "keys" / "tokens.json"), lambda: records.now)


@pytest.fixture
async def sign_in(records: SmallClinic, issuer: TokenIssuer) -> AsyncIterator[SignInService]:
    async with records.store.write() as work:
        for member in (HAN, ROSES_ACCOUNT):
            await work.sessions.set_password(member.id, HASH, at=work.at)
    service = SignInService(records.store, issuer)
    yield service
    service.close()


async def actions(records: SmallClinic) -> list[tuple[str, str, str]]:
    async with records.store.read() as work:
        entries = [chained.entry for chained in reversed(await work.audit.page())]
    return [(entry.actor, entry.action, entry.outcome) for entry in entries]


async def test_name_and_password_make_a_principal(
    records: SmallClinic, sign_in: SignInService, issuer: TokenIssuer
) -> None:
    signed = await sign_in.sign_in("  Dr.Han ", PASSWORD)
    assert issuer.verify(signed.access) == signed.principal
    assert (signed.principal.subject, signed.principal.role) == (HAN.id, Role.CLINICIAN)
    assert signed.expires_in == 600
    assert await actions(records) == [("usr_han", "session.open", "allowed")]


async def test_a_patients_account_is_the_same_participant_as_their_link(sign_in: SignInService) -> None:
    signed = await sign_in.sign_in("rose", PASSWORD)
    assert signed.principal.participant == ROSE.id


async def test_wrong_password_unknown_name_and_closed_account_are_refused_alike(
    records: SmallClinic, sign_in: SignInService
) -> None:
    async with records.store.write() as work:
        await work.people.save_member(replace(ROSES_ACCOUNT, active=False))
    words = set()
    for login, password in (("dr.han", "wrong horse battery"), ("nobody", PASSWORD), ("rose", PASSWORD), ("", "")):
        with pytest.raises(SignInRefused) as refused:
            await sign_in.sign_in(login, password)
        words.add((refused.value.code, str(refused.value), refused.value.detail))
    assert len(words) == 1
    assert {outcome for _, _, outcome in await actions(records)} == {"refused"}


async def test_what_was_typed_as_a_name_is_not_kept(
    records: SmallClinic, sign_in: SignInService, bytes_at_rest: Callable[[], bytes]
) -> None:
    with pytest.raises(SignInRefused):
        await sign_in.sign_in("my-secret-passphrase", "x")
    assert b"my-secret-passphrase" not in bytes_at_rest()


async def test_a_refresh_token_is_exchanged_for_new_proofs(sign_in: SignInService, issuer: TokenIssuer) -> None:
    first = await sign_in.sign_in("dr.han", PASSWORD)
    second = await sign_in.refresh(first.refresh)
    assert second.refresh != first.refresh
    assert issuer.verify(second.access) == first.principal
    third = await sign_in.refresh(second.refresh)
    assert third.principal == first.principal


async def test_a_refresh_token_used_again_ends_the_whole_session(records: SmallClinic, sign_in: SignInService) -> None:
    first = await sign_in.sign_in("dr.han", PASSWORD)
    elsewhere = await sign_in.sign_in("dr.han", PASSWORD)
    second = await sign_in.refresh(first.refresh)
    records.later(REUSE_GRACE + timedelta(seconds=1))
    with pytest.raises(SignInRequired):
        await sign_in.refresh(first.refresh)
    with pytest.raises(SignInRequired):
        await sign_in.refresh(second.refresh)
    assert (await actions(records))[-1] == ("usr_han", "session.reuse", "refused")
    await sign_in.refresh(elsewhere.refresh)  # another sign-in is another family


async def test_two_tabs_that_refresh_in_the_same_moment_both_stay_signed_in(
    records: SmallClinic, sign_in: SignInService
) -> None:
    first = await sign_in.sign_in("dr.han", PASSWORD)
    one, two = await asyncio.gather(sign_in.refresh(first.refresh), sign_in.refresh(first.refresh))
    records.later(timedelta(minutes=9))
    await sign_in.refresh(one.refresh)
    await sign_in.refresh(two.refresh)


async def test_the_grace_is_counted_from_the_first_exchange(records: SmallClinic, sign_in: SignInService) -> None:
    first = await sign_in.sign_in("dr.han", PASSWORD)
    for _ in range(2):
        await sign_in.refresh(first.refresh)
        records.later(REUSE_GRACE - timedelta(seconds=3))
    with pytest.raises(SignInRequired):
        await sign_in.refresh(first.refresh)


async def test_a_session_ends_after_its_lifetime_however_often_it_was_refreshed(
    records: SmallClinic, sign_in: SignInService
) -> None:
    signed = await sign_in.sign_in("dr.han", PASSWORD)
    records.later(SESSION_LIFETIME - timedelta(minutes=1))
    signed = await sign_in.refresh(signed.refresh)
    assert signed.refresh_expires_in == 60
    records.later(timedelta(minutes=1))
    with pytest.raises(SignInRequired):
        await sign_in.refresh(signed.refresh)
    records.later(timedelta(seconds=1))
    assert await sign_in.forget_expired() == 1
    assert await sign_in.forget_expired() == 0


async def test_signing_out_ends_the_session_and_may_be_repeated(records: SmallClinic, sign_in: SignInService) -> None:
    signed = await sign_in.sign_in("dr.han", PASSWORD)
    await sign_in.sign_out(signed.refresh)
    with pytest.raises(SignInRequired):
        await sign_in.refresh(signed.refresh)
    await sign_in.sign_out(signed.refresh)
    await sign_in.sign_out("unknown")
    await sign_in.sign_out("x" * 1000)
    assert [action for _, action, _ in await actions(records)] == ["session.open", "session.close"]


async def test_a_closed_account_can_not_refresh(records: SmallClinic, sign_in: SignInService) -> None:
    signed = await sign_in.sign_in("dr.han", PASSWORD)
    async with records.store.write() as work:
        await work.people.save_member(replace(HAN, active=False))
    with pytest.raises(SignInRequired):
        await sign_in.refresh(signed.refresh)


async def test_all_sessions_of_an_account_can_be_ended(records: SmallClinic, sign_in: SignInService) -> None:
    sessions = [await sign_in.sign_in("dr.han", PASSWORD) for _ in range(2)]
    async with records.store.write() as work:
        await work.sessions.revoke_all(HAN.id, at=work.at, because="password")
    for signed in sessions:
        with pytest.raises(SignInRequired):
            await sign_in.refresh(signed.refresh)


@pytest.mark.parametrize("token", ["", "unknown", "x" * 1000, "ü", "\ud800"])
async def test_an_unknown_refresh_token_is_refused(sign_in: SignInService, token: str) -> None:
    with pytest.raises(SignInRequired):
        await sign_in.refresh(token)


async def test_secrets_are_not_in_the_files(
    records: SmallClinic, sign_in: SignInService, bytes_at_rest: Callable[[], bytes]
) -> None:
    signed = await sign_in.sign_in("dr.han", PASSWORD)
    link = await InvitationService(records.store).invite(
        signed_in(HAN), VISIT, relation=Relation.RELATIVE, name="Tom", language="en"
    )
    for secret in (signed.refresh, signed.access, link.secret, PASSWORD):
        assert secret.encode() not in bytes_at_rest()


async def test_a_weaker_hash_is_replaced_when_its_owner_signs_in(records: SmallClinic, sign_in: SignInService) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    async with records.store.write() as work:
        await work.sessions.set_password(HAN.id, weak, at=work.at)
    await sign_in.sign_in("dr.han", PASSWORD)
    async with records.store.read() as work:
        account = await work.sessions.account_by_login("dr.han")
    assert account is not None
    assert not passwords.is_outdated(account.password_hash)


async def test_too_many_at_once_are_refused_before_any_work_is_done(sign_in: SignInService) -> None:
    sign_in._waiting = 32
    with pytest.raises(Overloaded):
        await sign_in.sign_in("dr.han", PASSWORD)


async def test_a_new_password_is_checked_and_hashed(sign_in: SignInService) -> None:
    assert passwords.matches(await sign_in.hash_new_password("twelve letters", login="x"), "twelve letters")
    with pytest.raises(PasswordRefused):
        await sign_in.hash_new_password("consilium-demo", login="x")


async def test_a_link_opens_exactly_its_consultation(records: SmallClinic, sign_in: SignInService) -> None:
    links = InvitationService(records.store)
    patient = await links.invite(signed_in(HAN), VISIT, relation=Relation.PATIENT, name="", language="zh-CN")
    guest = await links.invite(signed_in(HAN), VISIT, relation=Relation.INTERPRETER, name="Tom", language="en")
    opened = await sign_in.open_invitation(patient.secret)
    assert opened.consultation == opened.principal.consultation == VISIT
    assert (opened.principal.role, opened.principal.name) == (Role.PATIENT, ROSE.name)
    assert opened.principal.participant == ROSE.id
    as_guest = (await sign_in.open_invitation(guest.secret)).principal
    assert (as_guest.role, as_guest.patient, as_guest.participant) == (Role.GUEST, None, guest.invitation.id)
    again = (await sign_in.open_invitation(guest.secret)).principal
    assert again.participant == as_guest.participant


async def test_unknown_expired_revoked_and_cancelled_links_are_refused_in_the_same_words(
    records: SmallClinic, sign_in: SignInService
) -> None:
    calendar, links = ConsultationService(records.store), InvitationService(records.store)
    doctor = signed_in(HAN)
    made = [
        await links.invite(doctor, VISIT, relation=Relation.RELATIVE, name=name, language="en")
        for name in ("A", "B", "C")
    ]
    revoked, expired, cancelled = (link.secret for link in made)
    await links.revoke(doctor, VISIT, made[0].invitation.id)
    words = set()

    async def refused(secret: str) -> None:
        with pytest.raises(InvitationClosed) as closed:
            await sign_in.open_invitation(secret)
        words.add((closed.value.code, str(closed.value), closed.value.detail, closed.value.status))

    await refused(revoked)
    for unknown in ("", "unknown", "x" * 1000, "\ud800"):
        await refused(unknown)
    await calendar.cancel(doctor, VISIT)
    await refused(cancelled)
    async with records.store.write() as work:
        visit = await work.consultations.get(ConsultationId(VISIT))
        await work.consultations.save(replace(visit, status=Status.PLANNED))
    await sign_in.open_invitation(expired)
    records.later(LINK_LIFETIME)
    await refused(expired)
    assert len(words) == 1
