"""Takes the pictures in docs/screenshots: every page, desktop and phone, in both languages; a visit in the dark too.

Runs a demonstration clinic of its own, walks a real consultation through it with real browsers, and photographs on the
way: `python -m tools.screenshots [FOLDER]`.
"""

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Playwright, expect, sync_playwright

from tests.e2e.conftest import CHROMIUM, Browsers
from tests.e2e.participant import WAIT_MS
from tests.e2e.people import Person, Visit
from tests.e2e.pictures import DOCTOR, INTERPRETER, PATIENT, Look, still_file
from tests.server_process import server_process

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screenshots"

PORTRAITS = {
    PATIENT.name: ("#e9dcc9", "#8fa3a0", "#e5b894", "#b9b4ad", "#7a6a8a"),
    DOCTOR.name: ("#d8e6e8", "#b7cdd0", "#d9a986", "#3b2f2a", "#f7f9fa"),
    INTERPRETER.name: ("#dfe5d6", "#a9b79a", "#c99672", "#20242b", "#46628c"),
}
"""Wall, shelf, skin, hair, clothes."""

ADMINISTRATION = ("people", "departments", "consultations", "health", "audit")

DEVICE_NAMES = """
const devices = navigator.mediaDevices;
const listed = devices.enumerateDevices.bind(devices);
const names = { videoinput: '%s', audioinput: '%s', audiooutput: '%s' };
devices.enumerateDevices = async () =>
  (await listed()).map(({ deviceId, groupId, kind }) => ({ deviceId, groupId, kind, label: names[kind] }));
"""
"""What plays camera and microphone in these browsers has names no clinic would see."""


@dataclass(frozen=True)
class Scene:
    """Who meets whom, in which language."""

    language: str
    doctor: str
    patient: str
    reason: str
    note: tuple[str, str, str, str]
    chat: tuple[str, str]
    search: str
    devices: tuple[str, str, str]


SCENES = (
    Scene(
        "en",
        "dr.garcia",
        "Margaret Thompson",
        "Blood sugar before breakfast is high again",
        (
            "Fasting glucose between 8.4 and 9.6 mmol/L for two weeks, no hypoglycaemia. Takes metformin with meals.",
            "Looks well, speaks in full sentences. Home blood pressure 138/84 mm[Hg].",
            "Type 2 diabetes, not at target.",
            "Metformin 1000 mg in the evening. Diary before breakfast and supper. Call again in two weeks.",
        ),
        ("It was 9.1 this morning, before breakfast.", "Thank you. Please show me the diary of last week."),
        "Thompson",
        ("Front camera", "Built-in microphone", "Built-in speaker"),
    ),
    Scene(
        "zh-CN",
        "dr.lin",
        "张伟",
        "近两周活动后胸闷，想复查用药",
        (
            "近两周快走后胸闷，休息数分钟可缓解，无夜间发作。规律服药。",
            "视频下精神可，呼吸平稳。家测血压 142/88 mm[Hg]，心率 76 次/分。",
            "冠心病，稳定型心绞痛；高血压控制欠佳。",
            "继续阿司匹林、阿托伐他汀；美托洛尔加量，两周后复诊。如胸痛持续不缓解，立即拨打120。",
        ),
        ("今天早上量的血压是142/88。", "好的，请把这一周的血压记录发给我看一下。"),
        "张伟",
        ("前置摄像头", "内置麦克风", "内置扬声器"),
    ),
)


class Album:
    """Where the pictures go; names say language, size and page."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix

    def take(self, person: Person, name: str, *, full: bool = False) -> None:
        person.page.evaluate("document.querySelectorAll('.toast button').forEach(button => button.click())")
        person.page.wait_for_timeout(400)  # transitions end
        path = self._folder / f"{self._prefix}-{name}.jpg"
        person.page.screenshot(path=path, type="jpeg", quality=74, full_page=full)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, server_process(Path(data) / "data") as server, ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browsers = Browsers(playwright, Path(data), cameras=lambda look, path: _portrait(playwright, look, path))
        stack.callback(browsers.close)
        for scene in SCENES:
            for phone in (False, True):
                has_dark = (scene.language == "en") != phone  # one desktop and one phone show enough of it
                for dark in (False, True) if has_dark else (False,):
                    prefix = f"{scene.language[:2]}-{'phone' if phone else 'desktop'}{'-dark' if dark else ''}"
                    with ExitStack() as visit_stack:
                        visit = Visit.planned(
                            server.url,
                            browsers,
                            playwright,
                            visit_stack,
                            doctor=scene.doctor,
                            patient_name=scene.patient,
                            reason=scene.reason,
                        )
                        visit.language, visit.dark = scene.language, dark
                        Walk(visit, scene, Album(folder, prefix), phone=phone).whole(short=dark)


class Walk:
    """One consultation, photographed."""

    def __init__(self, visit: Visit, scene: Scene, album: Album, *, phone: bool) -> None:
        self._visit = visit
        self._scene = scene
        self._album = album
        self._phone = phone

    def whole(self, *, short: bool) -> None:
        patient, doctor = self._until_the_call()
        self._in_the_call(patient, doctor)
        self._after_the_call(patient, doctor)
        if not short:
            self._archive()
            self._administration()

    def _person(self, look: Look) -> Person:
        """Open a browser whose owner chose the scene's language, whatever their account says."""
        person = self._visit.person(look, phone=self._phone)
        chosen = f"localStorage.setItem('consilium.language', '{self._scene.language}')"
        person.page.context.add_init_script(chosen)
        person.page.context.add_init_script(DEVICE_NAMES % self._scene.devices)
        return person

    def _until_the_call(self) -> tuple[Person, Person]:
        visit, take = self._visit, self._album.take
        doctor = self._person(DOCTOR)
        doctor.page.goto(f"{visit.url}/sign-in")
        doctor.sees("sign-in-submit")
        take(doctor, "sign-in")
        doctor.sign_in(visit.url, visit.doctor_login)
        patient = self._person(PATIENT)
        patient.page.goto(visit.patient_link())
        patient.sees("consent-card")
        expect(patient.page.locator("c-device-check video").first).to_be_visible()
        expect(patient.at("connection")).to_have_attribute("data-state", "good", timeout=WAIT_MS)
        take(patient, "join", full=self._phone)
        patient.press("consent-given")
        patient.press("ready")
        patient.sees("waiting-room")
        take(patient, "waiting", full=self._phone)
        doctor.page.goto(f"{visit.url}/dashboard")
        doctor.sees("waiting-person")
        take(doctor, "dashboard", full=self._phone)
        doctor.page.goto(f"{visit.url}/visit/{visit.id}")
        doctor.press("admit")
        patient.sees_picture_of(visit.doctor_id, None)
        doctor.sees_picture_of(visit.patient_id, None)
        return patient, doctor

    def _in_the_call(self, patient: Person, doctor: Person) -> None:
        take, scene = self._album.take, self._scene
        doctor.starts_recording()
        if self._phone:
            patient.press("chat")
        patient.says(scene.chat[0])
        self._panel(doctor, "chat")
        doctor.says(scene.chat[1])
        patient.reads(scene.chat[1])
        take(patient, "call-chat")
        take(doctor, "doctor-chat")
        if self._phone:
            patient.press("chat-close")
        take(patient, "call")
        self._panel(doctor, "history")
        take(doctor, "doctor-visit")
        self._panel(doctor, "note")
        for section, text in zip(("subjective", "objective", "assessment", "plan"), scene.note, strict=True):
            doctor.at(f"note-{section}").fill(text)
        expect(doctor.at("note-state")).to_have_attribute("data-phase", "saved")
        take(doctor, "doctor-note")
        self._panel(doctor, "people")
        take(doctor, "doctor-people")
        patient.press("settings")
        take(patient, "call-settings")
        patient.press("dialog-close")

    def _panel(self, doctor: Person, name: str) -> None:
        if self._phone and not doctor.at(f"tab-{name}").is_visible():
            doctor.press("toggle-panel")
        doctor.tab(name)

    def _after_the_call(self, patient: Person, doctor: Person) -> None:
        visit, take = self._visit, self._album.take
        doctor.finishes_the_visit()
        patient.sees("after")
        take(patient, "after")
        take(doctor, "doctor-over")
        doctor.press("note-sign")
        doctor.press("confirm-action")
        doctor.sees("note-signed")
        doctor.page.goto(f"{visit.url}/patients/{visit.patient_id}")
        doctor.sees("earlier-consultations")
        take(doctor, "patient-record", full=True)

    def _archive(self) -> None:
        visit, take = self._visit, self._album.take
        custodian = self._person(INTERPRETER)
        custodian.sign_in(visit.url, "custodian")
        custodian.page.goto(f"{visit.url}/archive")
        custodian.at("archive-search").fill(self._scene.search)
        custodian.press("archive-submit")
        custodian.sees("archive-row")
        take(custodian, "archive")
        custodian.page.goto(f"{visit.url}/archive/{visit.id}")
        custodian.at("viewing-reason").wait_for(timeout=120_000)
        take(custodian, "archive-reason")
        custodian.press("reason-request")
        custodian.press("open-record")
        custodian.at("player").evaluate("video => { video.muted = true; video.currentTime = 2; }")
        custodian.page.wait_for_timeout(1500)
        take(custodian, "archive-record", full=True)

    def _administration(self) -> None:
        visit, take = self._visit, self._album.take
        administrator = self._person(INTERPRETER)
        administrator.sign_in(visit.url, "admin")
        sections = ("people", "consultations") if self._phone else ADMINISTRATION
        for section in sections:
            administrator.page.goto(f"{visit.url}/admin/{section}")
            administrator.page.wait_for_timeout(800)
            take(administrator, f"admin-{section}")
        if self._scene.language == "en":  # the one patient with an account
            patient = self._person(PATIENT)
            patient.sign_in(visit.url, "patient")
            patient.sees("next-consultation")
            take(patient, "patient-home", full=True)


def _portrait(playwright: Playwright, look: Look, path: Path) -> None:
    """Draw somebody in front of a wall, so that the pictures show a person and nobody's face."""
    wall, shelf, skin, hair, clothes = PORTRAITS[look.name]
    svg = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" width="640" height="360">
      <rect width="640" height="360" fill="{wall}"/>
      <rect x="0" y="70" width="170" height="8" fill="{shelf}"/>
      <rect x="24" y="26" width="18" height="44" fill="{shelf}"/>
      <rect x="46" y="18" width="14" height="52" fill="{hair}" opacity=".5"/>
      <rect x="500" y="0" width="140" height="220" fill="#fff" opacity=".55"/>
      <rect x="566" y="0" width="6" height="220" fill="{shelf}"/>
      <path d="M150 380 C160 285 240 262 320 262 S480 285 490 380 Z" fill="{clothes}"/>
      <path d="M285 250 h70 v34 q-35 34 -70 0 Z" fill="{skin}"/>
      <ellipse cx="320" cy="165" rx="98" ry="104" fill="{hair}"/>
      <ellipse cx="320" cy="185" rx="78" ry="92" fill="{skin}"/>
      <path d="M240 170 q20 -75 95 -72 q62 4 66 70 q-40 -34 -78 -36 q-50 0 -83 38Z" fill="{hair}"/>
      <circle cx="290" cy="190" r="7" fill="#2b2b2b"/><circle cx="350" cy="190" r="7" fill="#2b2b2b"/>
      <path d="M292 232 q28 22 56 0" stroke="#9c4a3c" stroke-width="6" fill="none" stroke-linecap="round"/>
    </svg>"""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 640, "height": 360})
    page.set_content(f"<style>body{{margin:0}}</style>{svg}")
    still_file(page.screenshot(), path)
    browser.close()


if __name__ == "__main__":
    main()
