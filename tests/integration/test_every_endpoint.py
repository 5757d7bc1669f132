"""Every declared endpoint, asked by everybody for everything: whatever is asked, the answer is a good one or a problem.

The declarations themselves are walked, so that an endpoint added tomorrow is asked too.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from identity import passwords
from server.endpoint import Endpoint
from server.routes import endpoints
from tests.samples import FAR_TIMES, ODD_JSON, sample
from tests.server_process import Browser, RunningClinic, clinic_settings, running_clinic

ABSENT: Final = {
    "consultation": "con_" + "0" * 26,
    "patient": "pat_" + "0" * 26,
    "person": "usr_" + "0" * 26,
    "invitation": "inv_" + "0" * 26,
    "attachment": "att_" + "0" * 26,
    "release": "rls_" + "0" * 26,
    "destruction": "dst_" + "0" * 26,
    "key": "0" * 64,
}
SEES_ALL: Final = {"custodian", "administrator"}
ODD_QUERY: Final = (
    *("", "-1", "1e400", "nan", "9223372036854775808", "9" * 400, "%00", "%ff", "%ed%a0%80", "%F0%9F", "%25_%5C"),
    *("../../etc/passwd", "'; drop table members; --", "a" * 3000, "a%20" * 40, "Asia", "null", "[]"),
    *("MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OSBjb25feA", "OTk5OS0xMi0zMVQyMzo1OTo1OS0yMzo1OSBjb25feA"),  # far cursors
    *(far.replace("+", "%2B") for far in FAR_TIMES),
)
ODD_IDS: Final = ("con_", "con_" + "a" * 26, "x" * 4000, "%00", "%ff", "%ed%a0%80", "..", "%2e%2e%2f", "' or 1")


@pytest.fixture(params=["sqlite", "postgresql"])
async def clinic(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningClinic]:
    """A clinic on either database: they differ in what they take."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    data = tmp_path / "data"
    async with running_clinic(data, settings=clinic_settings(data, database={"url": url})) as running:
        yield running


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is slow by design, and not what is asked about here."""
    monkeypatch.setattr(passwords, "matches", lambda _hash, password: password == passwords.DEMONSTRATION_PASSWORD)
    monkeypatch.setattr(passwords, "hash_of", lambda password: passwords.NOBODYS_HASH)


@dataclass
class Answer:
    status: int
    body: dict[str, Any]
    content_type: str

    @property
    def words(self) -> dict[str, Any]:
        """What the sender is told, without what is different in every answer."""
        return {key: value for key, value in self.body.items() if key != "request_id"}


async def asked(
    who: Browser, endpoint: Endpoint, ids: Mapping[str, str], *, body: bytes | None = None, query: str = ""
) -> Answer:
    """Ask as a browser would, with a well-formed body unless another is given; the answer has passed the inspection."""
    path = re.sub(r"{(\w+)}", lambda found: ids[found[1]], endpoint.path.removeprefix("/api/v1"))
    headers = {"X-Consilium": "1"}
    if endpoint.body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(sample(endpoint.body)).encode() if body is None else body
    elif endpoint.raw_body:
        body = b"words\n"
    async with who.response(endpoint.method, path + query, data=body, headers=headers) as response:
        raw = await response.read()
        is_json = response.content_type.endswith("json")
        answer = Answer(response.status, json.loads(raw) if is_json and raw else {}, response.content_type)
    what = f"{who.me.get('role')} {endpoint.method} {path}{query} {body!r:.200}: {raw!r:.200}"
    assert 200 <= answer.status < 300 or 400 <= answer.status < 500, what
    if answer.status >= 400:
        assert answer.content_type == "application/problem+json", what
        assert answer.body["status"] == answer.status, what
        assert answer.body["code"] != "internal", what
        assert len(raw) < 1000, what
    return answer


def query_fields(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.query is not None:
        yield from (field.encode_name for field in msgspec.structs.fields(endpoint.query))
    yield "surplus"


async def link_to(doctor: Browser, consultation: str, relation: str) -> tuple[str, str]:
    """Return a fresh link's id and secret."""
    status, issued = await doctor.post(
        f"/consultations/{consultation}/invitations", {"relation": relation, "name": "Iris Interpreter"}
    )
    assert status == 201, issued
    return issued["invitation"]["id"], issued["link"].partition("#")[2]


async def foreign_things(clinic: RunningClinic) -> dict[str, str]:
    """Return ids that exist, of the other doctor's consultation with another patient."""
    lin = await clinic.sign_in("dr.lin")
    wei = await clinic.open_link(clinic.demonstration.links[1])
    consultation = wei.me["consultation"]
    async with wei.response("POST", f"/consultations/{consultation}/attachments", data=b"words\n") as response:
        attachment = (await response.json())["id"]
    invitation, _ = await link_to(lin, consultation, "relative")
    custodian = await clinic.sign_in("custodian")
    status, keys = await custodian.post("/custodian-keys", {"public_key": base64.b64encode(b"a" * 32).decode()})
    assert status == 200, keys
    return {
        "consultation": consultation,
        "patient": wei.me["patient"],
        "person": lin.me["subject"],
        "invitation": invitation,
        "attachment": attachment,
        "release": ABSENT["release"],
        "destruction": ABSENT["destruction"],
        "key": keys["keys"][0]["id"],
    }


async def everybody(clinic: RunningClinic) -> list[Browser]:
    """Return people of every role, none of whom has to do with `foreign_things` by treating or being treated."""
    garcia = await clinic.sign_in("dr.garcia")
    patient = await clinic.open_link(clinic.demonstration.links[0])
    _, secret = await link_to(garcia, patient.me["consultation"], "interpreter")
    guest = await clinic.open_link(secret)
    named = [await clinic.sign_in(login) for login in ("patient", "custodian", "admin")]
    return [clinic.stranger(), guest, patient, garcia, *named]


async def test_everybody_gets_an_answer_and_forbidden_is_told_in_the_words_of_absent(clinic: RunningClinic) -> None:
    foreign = await foreign_things(clinic)
    people = await everybody(clinic)
    assert {person.me.get("role") for person in people} == {
        *(None, "guest", "patient", "clinician", "custodian", "administrator")
    }
    for endpoint in endpoints():
        for person in people:
            role = person.me.get("role")
            absent = await asked(person, endpoint, ABSENT)
            if "{" not in endpoint.path:
                if endpoint.roles is not None and role is not None and role not in endpoint.roles:
                    assert (absent.status, absent.body["code"]) == (404, "not_found")
                continue
            present = await asked(person, endpoint, foreign)
            if role not in SEES_ALL or (endpoint.roles is not None and role not in endpoint.roles):
                assert (present.status, present.words) == (absent.status, absent.words), (role, endpoint.path)
                assert present.status in {401, 404}, (role, endpoint.path)


async def test_a_body_with_any_field_odd_is_answered(clinic: RunningClinic) -> None:
    doctor, *others = [await clinic.sign_in(login) for login in ("dr.garcia", "admin", "custodian")]
    patient = await clinic.open_link(clinic.demonstration.links[0])
    own = {**ABSENT, "consultation": patient.me["consultation"], "patient": patient.me["patient"] or ""}
    for endpoint in endpoints():
        if endpoint.body is None:
            continue
        roles = endpoint.roles or {"clinician"}
        who = next(person for person in (doctor, *others) if person.me["role"] in roles)
        fields = sample(endpoint.body)
        for name in fields:
            for odd in ODD_JSON:
                rest = [
                    b"%s:%s" % (json.dumps(k).encode(), json.dumps(fields[k]).encode()) for k in fields if k != name
                ]
                await asked(
                    who, endpoint, own, body=b"{" + b",".join([*rest, b'"%s":%s' % (name.encode(), odd)]) + b"}"
                )
        for whole in (b"", b"null", b"[]", b"{", b'{"' + b"x" * 9000 + b'":1}', b"\xff\xfe", b"[" * 9000):
            refused = await asked(who, endpoint, own, body=whole)
            assert refused.body["code"] == "invalid"


async def test_a_query_with_any_field_odd_is_answered(clinic: RunningClinic) -> None:
    signed_in = {login: await clinic.sign_in(login) for login in ("dr.garcia", "admin", "custodian")}
    patient = await clinic.open_link(clinic.demonstration.links[0])
    own = {**ABSENT, "consultation": patient.me["consultation"], "patient": patient.me["patient"] or ""}
    _, page = await signed_in["custodian"].get("/archive")
    own_archived = {**own, "consultation": page["entries"][0]["id"]}
    for endpoint in endpoints():
        if endpoint.query is None:
            continue
        roles = endpoint.roles or {"custodian"}
        who = signed_in["custodian" if "custodian" in roles else "admin" if "administrator" in roles else "dr.garcia"]
        for name in query_fields(endpoint):
            for odd in ODD_QUERY:
                ids = own_archived if endpoint.path.startswith("/api/v1/archive") else own
                query = f"?{name}={odd}" + ("&day=0001-01-01" if name == "zone" and "day" in str(odd) else "")
                await asked(who, endpoint, ids, query=query)
    for day in ("0001-01-01", "9999-12-30", "9999-12-31"):
        for zone in ("Asia/Shanghai", "America/New_York", "Pacific/Kiritimati"):
            status, problem = await signed_in["dr.garcia"].get("/consultations", day=day, zone=zone)
            assert (status, problem["code"]) == (400, "invalid")


async def test_an_odd_id_in_any_path_is_not_found(clinic: RunningClinic) -> None:
    people = {login: await clinic.sign_in(login) for login in ("dr.garcia", "admin")}
    for endpoint in endpoints():
        if "{" not in endpoint.path:
            continue
        roles = endpoint.roles or {"clinician"}
        who = people["dr.garcia" if "clinician" in roles else "admin"]
        for odd in ODD_IDS:
            answer = await asked(who, endpoint, dict.fromkeys(ABSENT, odd))
            assert (answer.status, answer.body["code"]) in {(404, "not_found"), (405, "method_not_allowed")}
