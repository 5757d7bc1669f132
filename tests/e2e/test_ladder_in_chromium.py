"""A connection that gets weaker and better again, in real browsers: on the way to the media port packets are lost."""

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.participant import alike, video_of
from tests.e2e.people import WAIT_MS, Api, Person, Visit
from tests.e2e.pictures import DOCTOR, PATIENT
from tests.lossy_relay import LossyRelay, lossy_relay
from tests.server_process import ServerProcess, server_process

STILL_TAKEN_SINCE = "(tile, since) => tile.fresh?.taken.getTime() > since"
OWN_PICTURE = "[data-testid=self-view] video"
CLIMB_MS = 60_000  # three rungs, ten seconds of patience each, on a busy machine


@pytest.fixture(scope="module")
def media_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, media_port: int) -> Iterator[ServerProcess]:
    options = ("--port", "0", "--media-port", str(media_port))
    with server_process(tmp_path_factory.mktemp("clinic") / "data", options=options) as running:
        yield running


@pytest.fixture
def relay(media_port: int) -> Iterator[LossyRelay]:
    with lossy_relay(media_port) as running:
        yield running


def begun(visit: Visit, relay: LossyRelay, *, phone: bool = False) -> tuple[Person, Person]:
    """Patient and doctor in the call; the patient's media goes through the relay."""
    patient = visit.person(PATIENT, phone=phone)
    patient.page.add_init_script(relay.script)
    patient.open_link(visit.patient_link())
    doctor = visit.doctor_arrives()
    doctor.press("admit")
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    return patient, doctor


def is_told(person: Person, words: str) -> None:
    expect(person.at("ladder")).to_have_attribute("data-words", words, timeout=WAIT_MS)


def test_a_weak_connection_goes_down_to_the_voice_and_comes_back_by_itself(visit: Visit, relay: LossyRelay) -> None:
    patient, doctor = begun(visit, relay, phone=True)
    patient.sees_no("ladder")
    relay.lost_down = 0.45
    is_told(patient, "mine_audio_only")
    is_told(doctor, "their_audio_only")
    expect(patient.tile(visit.doctor_id).locator(".tile-initials")).to_be_visible(timeout=WAIT_MS)
    patient.hears(visit.doctor_id, DOCTOR)
    relay.lost_down = 0.0
    expect(patient.at("ladder")).to_have_attribute("data-words", "mine_still_picture", timeout=CLIMB_MS)
    expect(patient.tile(visit.doctor_id).locator("canvas")).to_be_visible()
    expect(patient.tile(visit.doctor_id)).to_contain_text("Still picture")
    expect(patient.at("ladder")).to_have_count(0, timeout=CLIMB_MS)
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    expect(doctor.at("ladder")).to_have_count(0)
    doctor.finishes_the_visit()
    timeline = Api.sign_in(visit.api.context, "custodian").get(f"/archive/{visit.id}")["timeline"]
    rungs = [event["receives"] for event in timeline if event["kind"] == "connection_rung_changed"]
    assert "audio_only" in rungs
    assert rungs[-1] == "high_video"
    visit.no_troubles()


def test_a_connection_that_carries_a_still_picture_again_shows_a_new_one(visit: Visit, relay: LossyRelay) -> None:
    patient, doctor = begun(visit, relay, phone=True)
    tile = patient.tile(visit.doctor_id)
    relay.lost_down = 0.45
    is_told(patient, "mine_audio_only")
    voice_alone_at = patient.page.evaluate("Date.now()")  # one may have come on the way down
    relay.lost_down = 0.0
    expect(patient.at("ladder")).to_have_attribute("data-words", "mine_still_picture", timeout=CLIMB_MS)
    patient.until(lambda: tile.evaluate(STILL_TAKEN_SINCE, voice_alone_at), "a still of the doctor")
    expect(tile.locator("canvas")).to_be_visible()
    still = video_of(visit.doctor_id, "camera").removesuffix("video") + "canvas"
    patient.until(lambda: alike(patient.pixel(still), doctor.pixel(OWN_PICTURE)), "the colour of the doctor")
    visit.no_troubles()


def test_a_picture_that_does_not_get_out_is_held_back_for_the_voice(visit: Visit, relay: LossyRelay) -> None:
    patient, doctor = begun(visit, relay)
    relay.lost_up = 0.45
    is_told(patient, "mine_sends")
    is_told(doctor, "their_sends")
    doctor.hears(visit.patient_id, PATIENT)
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    relay.lost_up = 0.0
    expect(doctor.at("ladder")).to_have_count(0, timeout=CLIMB_MS)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    visit.no_troubles()


def test_where_no_sound_gets_through_both_are_led_to_writing(visit: Visit, relay: LossyRelay) -> None:
    patient, doctor = begun(visit, relay, phone=True)
    relay.lost_down = relay.lost_up = 1.0
    is_told(doctor, "their_live_text")
    expect(doctor.at("chat-text")).to_be_focused()
    expect(patient.at("chat-text")).to_be_focused()
    patient.says("I do not hear you")
    doctor.reads("I do not hear you")
    relay.lost_down = relay.lost_up = 0.0
    expect(doctor.at("ladder")).to_have_count(0, timeout=CLIMB_MS)
    patient.hears(visit.doctor_id, DOCTOR)


def test_the_focus_is_not_taken_from_a_doctor_who_writes_the_note(visit: Visit, relay: LossyRelay) -> None:
    _patient, doctor = begun(visit, relay)
    doctor.tab("note")
    doctor.at("note-subjective").press_sequentially("Glucose 9.1")
    relay.lost_down = relay.lost_up = 1.0
    is_told(doctor, "their_live_text")
    expect(doctor.at("note-subjective")).to_be_focused()
    doctor.press("ladder-write")
    expect(doctor.at("chat-text")).to_be_focused()


def test_a_message_is_left_for_somebody_who_is_away(visit: Visit) -> None:
    patient, doctor = visit.begun()
    link = visit.patient_link()
    patient.page.context.close()
    expect(doctor.at("ladder")).to_have_attribute("data-words", "their_message", timeout=60_000)
    doctor.press("ladder-write")
    doctor.says("Please take the second tablet tonight")
    back = visit.person(PATIENT, phone=True)
    back.open_link(link, waits=False)
    back.sees("messages-left")
    expect(back.at("messages-left")).to_contain_text("Please take the second tablet tonight")
    doctor.sees_no("ladder")
    back.at("messages-left").get_by_role("button").click()
    back.reads("Please take the second tablet tonight")
    expect(doctor.at("message").last).to_have_attribute("data-state", "read", timeout=WAIT_MS)
    visit.no_troubles()


def test_a_message_for_somebody_who_comes_when_the_visit_is_over_stands_on_the_last_page(visit: Visit) -> None:
    patient, doctor = visit.begun()
    link = visit.patient_link()
    patient.page.context.close()
    doctor.tab("chat")
    doctor.says("We stop here.\nPlease take the second tablet tonight")
    doctor.finishes_the_visit()
    back = visit.person(PATIENT, phone=True)
    back.goto(link)
    back.sees("after")
    expect(back.at("left-messages")).to_contain_text("Please take the second tablet tonight", timeout=WAIT_MS)
    visit.no_troubles()


def test_a_message_left_for_the_doctor_stands_on_the_dashboard(visit: Visit) -> None:
    patient, doctor = visit.begun()
    doctor.page.goto(f"{visit.url}/dashboard")
    expect(patient.at("ladder")).to_have_attribute("data-words", "their_message", timeout=60_000)
    patient.says("I have to go, please call me")
    expect(doctor.at("messages-left").first).to_be_visible(timeout=WAIT_MS)
    visit.no_troubles()
