"""A legal hold on the archive's page: one custodian asks, another one confirms, on a phone."""

from playwright.sync_api import expect

from tests.e2e.people import PASSWORD, WAIT_MS, Api, Person, Visit
from tests.e2e.pictures import DOCTOR, PATIENT

ANOTHER_PASSWORD = "a good long password"


def opens(person: Person, visit: Visit, login: str, password: str, record: str) -> None:
    person.sign_in(visit.url, login, password)
    person.page.goto(f"{visit.url}/archive/{record}")
    person.page.get_by_test_id("reason-legal").check()
    person.press("open-record")
    person.sees("legal-hold")


def test_one_custodian_asks_for_a_hold_and_another_confirms_it(visit: Visit) -> None:
    admin = Api.sign_in(visit.api.context, "admin")
    account = {"login": "second", "name": "Second Custodian", "role": "custodian", "language": "en"}
    admin.post("/people", {**account, "password": ANOTHER_PASSWORD})
    entries = Api.sign_in(visit.api.context, "custodian").get("/archive", recording="ready")["entries"]
    record = entries[0]["id"]

    first = visit.person(PATIENT)
    opens(first, visit, "custodian", PASSWORD, record)
    first.sees("no-hold")
    first.press("hold-open-ask")
    first.press("hold-ask")  # without a reason
    expect(first.page.locator("#hold-problem")).not_to_be_empty()
    first.at("hold-reason").fill("A lawsuit about the diagnosis")
    first.press("hold-ask")
    expect(first.at("hold")).to_have_attribute("data-state", "asked", timeout=WAIT_MS)
    first.sees("second-person")
    first.sees_no("hold-confirm")

    second = visit.person(DOCTOR, phone=True)
    second.sign_in(visit.url, "second", ANOTHER_PASSWORD)
    second.press("show-awaiting")  # where they land
    second.sees("chip-hold")
    row = second.at("archive-row")
    expect(row).to_have_count(1, timeout=WAIT_MS)
    expect(row).to_have_attribute("data-consultation", record)
    row.get_by_role("link").press("Enter")
    second.page.get_by_test_id("reason-legal").check()
    second.press("open-record")
    expect(second.at("legal-hold")).to_contain_text("A lawsuit about the diagnosis")
    second.press("hold-confirm")
    expect(second.at("hold")).to_have_attribute("data-state", "set", timeout=WAIT_MS)
    second.press("hold-open-ask_lift")
    second.at("hold-reason").fill("settled")
    second.press("hold-ask_lift")
    expect(second.at("hold")).to_have_attribute("data-state", "lift_asked", timeout=WAIT_MS)

    first.page.reload()
    first.sees("legal-hold")
    first.press("hold-lift")
    first.sees("no-hold")
    expect(first.at("earlier-holds")).to_contain_text("1")
    first.press("show-accesses")
    changed = first.at("accesses").locator("[data-action='hold.change']")
    expect(changed).to_have_count(4, timeout=WAIT_MS)
    expect(changed.filter(has_text="Second Custodian")).to_have_count(2)
    visit.no_troubles()
