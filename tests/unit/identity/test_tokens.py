"""Access and viewing tokens, with time as an argument."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.principal import Principal, Role
from identity.tokens import ACCESS_LIFETIME, VIEWING_LIFETIME, TokenIssuer, WeakSecret
from kernel.errors import SignInRequired
from kernel.ids import ConsultationId, InvitationId, PatientId, SessionId, UserId

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DOCTOR = Principal(UserId("usr_han"), SessionId("ses_1"), Role.CLINICIAN, "韩梅", "zh-CN")
PATIENT = Principal(
    InvitationId("inv_1"),
    SessionId("ses_2"),
    Role.PATIENT,
    "Rose",
    "en",
    patient=PatientId("pat_rose"),
    consultation=ConsultationId("con_visit"),
)
VISIT = ConsultationId("con_visit")


@dataclass
class Ring:
    active: str = "k1"
    keys: dict[str, bytes] = field(default_factory=lambda: {"k1": b"1" * 32})

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.keys)

    def key(self, key_id: str) -> bytes:
        return self.keys[key_id]


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def issuer(ring: Ring | None = None, clock: Clock | None = None) -> TokenIssuer:
    return TokenIssuer(ring or Ring(), clock or Clock())


def forged(claims: dict[str, object], *, header: dict[str, object] | None = None, key: bytes = b"1" * 32) -> str:
    """A token of our own making, signed with the right secret unless told otherwise."""
    genuine = jwt.decode(issuer().access(DOCTOR), options={"verify_signature": False})
    merged = {name: value for name, value in {**genuine, **claims}.items() if value is not None}
    headers = {"kid": "k1", "typ": "at+jwt", **(header or {})}
    return jwt.encode(merged, key, algorithm="HS256", headers={k: v for k, v in headers.items() if v is not None})


@pytest.mark.parametrize("principal", [DOCTOR, PATIENT])
def test_a_token_proves_who_it_was_issued_to(principal: Principal) -> None:
    assert issuer().verify(issuer().access(principal)) == principal


def test_a_forgery_that_changes_nothing_is_valid_so_the_refusals_below_mean_something() -> None:
    assert issuer().verify(forged({})) == DOCTOR


def test_a_token_lasts_ten_minutes_and_not_a_second_longer() -> None:
    clock = Clock()
    token = issuer(clock=clock).access(DOCTOR)
    clock.now = NOON + ACCESS_LIFETIME - timedelta(seconds=1)
    assert issuer(clock=clock).verify(token) == DOCTOR
    clock.now = NOON + ACCESS_LIFETIME
    with pytest.raises(SignInRequired):
        issuer(clock=clock).verify(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "ü.ü.ü",
        "\ud800",
        ".." * 10,
        "x" * 5000,
        forged({}, key=b"2" * 32),
        forged({}, header={"kid": "k2"}),
        forged({}, header={"kid": None}),
        forged({}, header={"typ": "viewing+jwt"}),
        forged({}, header={"typ": "JWT"}),
        forged({"iss": "somebody"}),
        forged({"iss": None}),
        forged({"aud": "viewing"}),
        forged({"aud": None}),
        forged({"exp": None}),
        forged({"exp": "soon"}),
        forged({"exp": 1e30}),
        forged({"sub": None}),
        forged({"sid": None}),
        forged({"role": None}),
        forged({"name": None}),
        forged({"viewing": "con_visit"}),
    ],
)
def test_everything_else_is_refused(token: str) -> None:
    with pytest.raises(SignInRequired):
        issuer().verify(token)


def test_no_other_algorithm_is_accepted_not_even_none() -> None:
    claims = jwt.decode(issuer().access(DOCTOR), options={"verify_signature": False})

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    unsigned = part({"alg": "none", "kid": "k1", "typ": "at+jwt"}) + "." + part(claims) + "."
    longer = jwt.encode(claims, b"1" * 64, algorithm="HS512", headers={"kid": "k1", "typ": "at+jwt"})
    for token in (unsigned, longer):
        with pytest.raises(SignInRequired):
            issuer(Ring(keys={"k1": b"1" * 64})).verify(token)


@given(st.data())
def test_no_changed_token_is_accepted(data: st.DataObject) -> None:
    token = issuer().access(DOCTOR)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCabc0189-_."))
    changed = token[:place] + letter + token[place + 1 :]
    try:
        principal = issuer().verify(changed)
    except SignInRequired:
        return
    assert principal == DOCTOR  # the last letter of base64 has bits that mean nothing


def test_a_rotated_secret_still_verifies_until_it_is_forgotten() -> None:
    ring = Ring()
    token = issuer(ring).access(DOCTOR)
    ring.keys["k2"], ring.active = b"2" * 32, "k2"
    assert issuer(ring).verify(token) == DOCTOR
    assert jwt.get_unverified_header(issuer(ring).access(DOCTOR))["kid"] == "k2"
    del ring.keys["k1"]
    with pytest.raises(SignInRequired):
        issuer(ring).verify(token)


def test_weak_secrets_are_refused_at_once() -> None:
    with pytest.raises(WeakSecret):
        issuer(Ring(keys={"k1": b"1" * 31}))


def test_a_viewing_token_opens_one_consultation_for_half_an_hour_and_nothing_else() -> None:
    clock = Clock()
    mint = issuer(clock=clock)
    token = mint.viewing(DOCTOR, VISIT)
    assert mint.verify_viewing(token, VISIT) == DOCTOR
    with pytest.raises(SignInRequired):
        mint.verify_viewing(token, ConsultationId("con_other"))
    with pytest.raises(SignInRequired):
        mint.verify(token)
    with pytest.raises(SignInRequired):
        mint.verify_viewing(mint.access(DOCTOR), VISIT)
    clock.now += VIEWING_LIFETIME
    with pytest.raises(SignInRequired):
        mint.verify_viewing(token, VISIT)
