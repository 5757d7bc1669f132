"""A whole consultation in two real browsers, from the patient's link to the archive."""

import io
import re

import pytest
from playwright.sync_api import expect

from tests.e2e.archive import decoded, loudness_at, side_colours
from tests.e2e.participant import WAIT_MS
from tests.e2e.people import Api, Person, Visit, picture_file
from tests.e2e.pictures import DOCTOR, INTERPRETER, PATIENT, Look

WITHOUT_A_WAY = """
  const Peer = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Peer {
    constructor(configuration) { super({ ...configuration, iceTransportPolicy: 'relay' }); }
  };
"""
"""In the page: connections may only go through a relay, and there is none."""


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_a_recorded_consultation_from_the_link_to_the_archive(visit: Visit, phone: bool) -> None:
    patient, doctor = visit.begun(phone=phone)
    patient.hears(visit.doctor_id, DOCTOR)
    doctor.hears(visit.patient_id, PATIENT)

    doctor.starts_recording()
    patient.sees("recording-banner")
    if phone:
        patient.press("chat")
    patient.says("It is 9.1 this morning")
    doctor.tab("chat")
    doctor.reads("It is 9.1 this morning")
    doctor.says("Thank you, I write it down")
    patient.reads("Thank you, I write it down")

    doctor.tab("note")
    doctor.at("note-subjective").fill("Fasting glucose 9.1 mmol/L")
    doctor.at("note-plan").fill("Metformin in the evening; call again in two weeks")
    expect(doctor.at("note-state")).to_have_attribute("data-phase", "saved", timeout=WAIT_MS)
    doctor.page.wait_for_timeout(4000)  # some more picture and sound for the film
    doctor.finishes_the_visit()
    patient.sees("after")
    doctor.press("note-sign")
    if doctor.at("confirm-action").count():
        doctor.press("confirm-action")
    doctor.sees("note-signed")

    doctor.page.goto(f"{visit.url}/patients/{visit.patient_id}")
    entry = doctor.at("earlier-consultations").locator(f'a[href="/archive/{visit.id}"]')
    expect(entry).to_have_count(1, timeout=WAIT_MS)

    custodian = visit.person(INTERPRETER)
    _finds_and_plays(custodian, visit)
    visit.no_troubles()
    _film_holds_both(visit)


def test_the_device_check_says_that_sound_and_picture_will_get_through(visit: Visit) -> None:
    link, _ = visit.guest_link("Li Na")
    for person, way_in in ((visit.person(PATIENT), visit.patient_link()), (visit.person(INTERPRETER), link)):
        person.page.goto(way_in)
        expect(person.at("connection")).to_have_attribute("data-state", re.compile("good|slow"), timeout=WAIT_MS)
        expect(person.at("connection")).to_contain_text("ound and picture will get through")
        expect(person.page.locator("c-join header")).to_contain_text("García")  # guests are told whom they will meet
    visit.no_troubles()


def test_where_media_is_blocked_the_patient_is_told_what_to_do_and_may_go_on(visit: Visit) -> None:
    doctor, patient = visit.doctor_arrives(), visit.person(PATIENT)
    patient.page.add_init_script(WITHOUT_A_WAY)
    patient.page.goto(visit.patient_link())
    expect(patient.at("connection")).to_have_attribute("data-state", "blocked", timeout=WAIT_MS)
    expect(patient.at("connection")).to_contain_text(re.compile(r"open UDP port \d+\."))
    patient.press("connection-again")
    expect(patient.at("connection")).to_have_attribute("data-state", "checking")
    expect(patient.at("connection")).to_have_attribute("data-state", "blocked", timeout=WAIT_MS)
    patient.press("consent-given")
    patient.press("ready")
    patient.sees("waiting-room")
    patient.says("I am here")
    doctor.tab("people")
    expect(doctor.at("ready-connection").first).to_have_attribute("data-state", "no_media", timeout=WAIT_MS)
    visit.no_troubles()


def _finds_and_plays(custodian: Person, visit: Visit) -> None:
    custodian.sign_in(visit.url, "custodian")
    custodian.page.goto(f"{visit.url}/archive")
    custodian.at("archive-search").fill("Margaret")
    custodian.press("archive-submit")
    row = custodian.page.locator(f'[data-testid=archive-row][data-consultation="{visit.id}"]')
    row.locator("a.row-link").click()
    custodian.at("viewing-reason").wait_for(timeout=90_000)  # the film is being composed
    custodian.press("reason-request")
    custodian.press("open-record")
    custodian.sees("player")
    player = custodian.at("player")
    player.evaluate("video => { video.muted = true; return video.play(); }")
    custodian.until(lambda: player.evaluate("video => video.currentTime") > 1, "the film to play")
    assert player.evaluate("video => video.duration") > 4
    expect(custodian.at("transcript-line").filter(has_text="It is 9.1 this morning")).to_have_count(1)
    expect(custodian.at("record-note")).to_contain_text("Metformin in the evening")
    custodian.press("check-now")
    expect(custodian.at("verdict")).to_have_attribute("kind", "good", timeout=WAIT_MS)  # unaltered


def _film_holds_both(visit: Visit) -> None:
    """The composed file, decoded: as long as it says, both people's colours side by side, both voices."""
    api = Api.sign_in(visit.api.context, "custodian")
    record = api.get(f"/archive/{visit.id}")
    film = decoded(io.BytesIO(api.bytes(f"/archive/{visit.id}/media")))
    assert abs(film.duration_s - record["recording"]["duration_ms"] / 1000) < 0.3
    assert side_colours(film.middle_picture) == {"patient", "doctor"}
    for look in (PATIENT, DOCTOR):
        assert loudness_at(film.sound, look.tone_hz) > 10 * loudness_at(film.sound, 3100), look.name
    assert {consent["decision"] for consent in record["consents"]} == {"given"}
    assert [message["text"] for message in record["messages"]] == [
        "It is 9.1 this morning",
        "Thank you, I write it down",
    ]


def test_chat_with_files_survives_a_reload_in_the_middle(visit: Visit) -> None:
    patient, doctor = visit.begun()
    doctor.tab("chat")
    patient.at("chat-text").press_sequentially("Is anybody", delay=30)
    expect(doctor.page.locator(".chat-typing")).to_contain_text("Margaret")
    patient.says("Before the reload")
    patient.at("chat-file").set_input_files(
        [
            {"name": "meter.png", "mimeType": "image/png", "buffer": picture_file((200, 30, 30))},
            {"name": "diary.txt", "mimeType": "text/plain", "buffer": "早上 9.1\n".encode()},
        ]
    )
    expect(patient.at("chat-send")).to_be_enabled(timeout=WAIT_MS)
    patient.until(lambda: patient.page.locator(".uploads progress").count() == 0, "the uploads")
    patient.press("chat-send")
    expect(doctor.at("attachment-image").locator("img")).to_be_visible(timeout=WAIT_MS)
    expect(doctor.at("attachment")).to_contain_text("diary.txt")

    patient.page.reload()  # nothing is asked again
    patient.sees("call")
    patient.reads("Before the reload")
    doctor.says("After the reload")
    patient.reads("After the reload")
    patient.says("Everything is still here")
    doctor.reads("Everything is still here")
    mine = patient.page.locator("[data-testid=message].mine", has_text="Everything is still here")
    expect(mine).to_have_attribute("data-state", "read", timeout=WAIT_MS)
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    doctor.hears(visit.patient_id, PATIENT)
    visit.no_troubles()


def test_nobody_is_in_the_call_before_being_admitted_and_hold_sends_back(visit: Visit) -> None:
    doctor = visit.doctor_arrives()
    patient = visit.patient_arrives()
    doctor.sees("admit")
    patient.sees("waiting-room")
    assert doctor.tile(visit.patient_id).count() == 0
    patient.says("I am here")  # the chat is open already
    doctor.press("admit")
    patient.sees("call")
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    doctor.tab("people")
    doctor.press("hold")
    patient.sees("waiting-room")
    expect(doctor.tile(visit.patient_id)).to_have_count(0, timeout=WAIT_MS)
    doctor.press("admit")
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    visit.no_troubles()


def test_without_consent_nothing_is_recorded_and_withdrawing_stops_it(visit: Visit) -> None:
    patient, doctor = visit.begun(consents=False)
    doctor.press("record")
    state = doctor.page.locator(f'[data-testid=consent-state][data-participant="{visit.patient_id}"]')
    expect(state).to_have_attribute("data-decision", "refused")
    doctor.sees_no("recording-banner")

    patient.agrees_to_be_recorded()
    expect(state).to_have_attribute("data-decision", "given")
    doctor.starts_recording()
    patient.sees("recording-banner")

    patient.withdraws_consent()
    patient.sees_no("recording-banner")
    doctor.sees_no("recording-banner")
    visit.no_troubles()


def test_the_patient_shares_a_screen(visit: Visit) -> None:
    patient, doctor = visit.begun()
    patient.press("share-screen")
    screen = doctor.tile(visit.patient_id, "screen").locator("video")
    expect(screen).to_be_visible(timeout=WAIT_MS)
    doctor.until(lambda: screen.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames") > 3, "the screen")
    doctor.sees_picture_of(visit.patient_id, PATIENT)  # the camera goes on beside it
    patient.press("stop-sharing")
    expect(doctor.tile(visit.patient_id, "screen")).to_have_count(0, timeout=WAIT_MS)
    visit.no_troubles()


def test_devices_change_in_the_call(visit: Visit) -> None:
    patient, doctor = visit.begun()
    patient.press("settings")
    microphones = patient.page.locator("dialog[open] select[id$=microphone]")
    before = microphones.input_value()
    choices = microphones.locator("option").evaluate_all("all => all.map(each => each.value)")
    microphones.select_option(next(choice for choice in choices if choice != before))
    patient.press("dialog-close")
    doctor.hears(visit.patient_id, PATIENT)

    patient.press("microphone")
    expect(doctor.tile(visit.patient_id).locator("c-icon[name=microphone-off]")).to_be_visible(timeout=WAIT_MS)
    patient.press("camera")
    expect(doctor.tile(visit.patient_id).locator(".tile-initials")).to_be_visible(timeout=WAIT_MS)
    patient.press("camera")
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    visit.no_troubles()


def test_an_interpreter_joins_by_link_as_the_third(visit: Visit) -> None:
    patient, doctor = visit.begun()
    patient.says("Between the two of us")
    link, guest_id = visit.guest_link("Li Na")
    interpreter = visit.person(INTERPRETER)
    interpreter.open_link(link)
    doctor.press("admit")
    interpreter.sees("call")
    everybody: list[tuple[Person, str, Look]] = [
        (interpreter, visit.patient_id, PATIENT),
        (interpreter, visit.doctor_id, DOCTOR),
        (patient, guest_id, INTERPRETER),
        (doctor, guest_id, INTERPRETER),
    ]
    for viewer, who, look in everybody:
        viewer.sees_picture_of(who, look)
    doctor.hears(guest_id, INTERPRETER)
    interpreter.hears(visit.patient_id, PATIENT)
    expect(interpreter.at("message").filter(has_text="Between the two of us")).to_have_count(0)

    doctor.tab("people")
    doctor.press("remove")
    doctor.press("confirm-action")
    interpreter.sees("visit-removed")
    visit.no_troubles()


def test_pictures_and_voices_play_on_without_restarting_while_the_page_is_drawn_again(visit: Visit) -> None:
    patient, doctor = visit.begun()
    for person in (patient, doctor):
        restarts, drawn = person.ask(
            """async () => {
                const restarts = [];
                const note = (event) => restarts.push(`${event.type} of ${event.target.outerHTML}`);
                const kinds = ['emptied', 'loadstart'];  // media events do not bubble: captured
                for (const kind of kinds) document.addEventListener(kind, note, true);
                const media = [...document.querySelectorAll('c-call-tile, c-call-sound')];
                for (let drawn = 0; drawn < 20; drawn++) {
                    for (const element of media) { element.requestUpdate(); await element.updateComplete; }
                    await new Promise(requestAnimationFrame);
                }
                for (const kind of kinds) document.removeEventListener(kind, note, true);
                return [restarts, media.length];
            }"""
        )
        assert drawn >= 3
        assert restarts == []


def test_leaving_and_reloading_never_end_the_visit(visit: Visit) -> None:
    patient, doctor = visit.begun()
    doctor.press("leave")
    doctor.sees("visit-away")
    patient.sees("call")
    doctor.press("rejoin")
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    patient.press("leave")
    patient.sees("visit-left")
    patient.press("come-back")
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    doctor.page.reload()
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    visit.no_troubles()


def test_a_second_tab_takes_over_and_the_first_one_says_so(visit: Visit) -> None:
    patient, doctor = visit.begun()
    second = Person(PATIENT, patient.page.context.new_page())
    visit.people.append(second)
    second.open_link(visit.patient_link(), waits=False)
    second.sees("call")
    patient.sees("visit-seat_taken")
    second.sees_picture_of(visit.doctor_id, DOCTOR)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    visit.no_troubles()


def test_a_lost_line_is_said_and_recovers_by_itself(visit: Visit) -> None:
    patient, doctor = visit.begun()
    patient.page.context.set_offline(True)
    patient.sees("messages-wait")  # the browser's emulation leaves sound and picture alone
    doctor.tab("chat")
    doctor.says("Written while the patient was away")
    patient.page.context.set_offline(False)
    patient.sees_no("messages-wait")
    patient.reads("Written while the patient was away")
    doctor.sees_picture_of(visit.patient_id, PATIENT)


def test_sound_only_leaves_the_voice(visit: Visit) -> None:
    patient, _doctor = visit.begun()
    patient.press("settings")
    patient.at("sound-only").check()
    patient.press("dialog-close")
    expect(patient.tile(visit.doctor_id).locator(".tile-initials")).to_be_visible(timeout=WAIT_MS)
    patient.hears(visit.doctor_id, DOCTOR)
    visit.no_troubles()
