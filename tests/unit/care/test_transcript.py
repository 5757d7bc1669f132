from datetime import UTC, date, datetime, timedelta, timezone
from html.parser import HTMLParser

from care.consultation import Status
from care.people import Department, Patient, Sex
from care.recording_time import Spans
from care.summary import ClinicianName, ConsultationSummary, NoteState
from care.transcript import Transcript, transcript_of
from care.transcript_page import page_of
from identity.principal import Role
from kernel.ids import (
    AttachmentId,
    ConnectionId,
    ConsultationId,
    DepartmentId,
    MessageId,
    ParticipantId,
    PatientId,
    RecordingId,
    UserId,
)
from rooms.events import (
    Attachment,
    Body,
    ConsentRecorded,
    Decision,
    DeviceState,
    Fact,
    MessagePosted,
    MessagesRead,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantConnected,
    ParticipantDisconnected,
    ReadinessReported,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    RoomOpened,
    Source,
    StopReason,
    TrackPublished,
    VisitFinished,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DOCTOR, PATIENT = ParticipantId("usr_1"), ParticipantId("pat_1")
RECORDING = RecordingId("rec_1")
ATTACK = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;</td>"


def happened(*facts: tuple[int, Fact]) -> list[RoomEvent]:
    return [
        RoomEvent(place, NOON + timedelta(seconds=second), fact) for place, (second, fact) in enumerate(facts, start=1)
    ]


def visit(words: str = "hello", name: str = "Ann") -> list[RoomEvent]:
    file = Attachment(AttachmentId("att_1"), words + ".png", "image/png", 10)
    return happened(
        (0, RoomOpened(DOCTOR, "Dr Lin")),
        (1, ParticipantArrived(PATIENT, Role.PATIENT, name, "en")),
        (1, ParticipantConnected(PATIENT, ConnectionId("cnx_1"))),
        (2, ReadinessReported(PATIENT, DeviceState.OK, DeviceState.OK, DeviceState.OK, None)),
        (3, ConsentRecorded(PATIENT, Decision.GIVEN, "2026-11", "en", words)),
        (4, ParticipantArrived(DOCTOR, Role.CLINICIAN, "Dr Lin", "en")),
        (5, ParticipantAdmitted(PATIENT, DOCTOR)),
        (5, TrackPublished(PATIENT, Source.CAMERA, muted=False)),
        (10, RecordingStarted(RECORDING, DOCTOR)),
        (12, MessagePosted(PATIENT, MessageId("m-000001"), Body("server", words), (file,))),
        (13, MessagesRead(DOCTOR, 10)),
        (15, ParticipantDisconnected(PATIENT)),
        (16, ParticipantConnected(PATIENT, ConnectionId("cnx_2"))),
        (20, RecordingStopped(RECORDING, DOCTOR, StopReason.ASKED)),
        (30, RecordingStarted(RECORDING, DOCTOR)),
        (31, MessagePosted(DOCTOR, MessageId("m-000002"), Body("sealed", ciphertext="AAAA"))),
        (40, RecordingStopped(RECORDING, DOCTOR, StopReason.FINISHED)),
        (41, VisitFinished(DOCTOR)),
    )


def transcribed(words: str = "hello", name: str = "Ann") -> Transcript:
    events = visit(words, name)
    return transcript_of(events, Spans.of(events))


def summary(words: str = "cough", name: str = "Ann") -> ConsultationSummary:
    return ConsultationSummary(
        id=ConsultationId("con_1"),
        patient=Patient(PatientId("pat_1"), name, date(1960, 1, 2), Sex.FEMALE, "en", "MR-1"),
        clinician=ClinicianName(UserId("usr_1"), "林静怡", "心内科主任医师"),
        department=Department(DepartmentId("dep_1"), "Cardiology", "心内科"),
        scheduled_at=NOON,
        planned_minutes=20,
        reason=words,
        status=Status.FINISHED,
        started_at=NOON,
        finished_at=NOON + timedelta(seconds=41),
        note_state=NoteState.SIGNED,
        recording=RECORDING,
        recording_state=None,
    )


def page(words: str = "hello", name: str = "Ann") -> str:
    china = timezone(timedelta(hours=8), "UTC+8")
    return page_of(transcribed(words, name), summary(words, name), zone=china, printed_at=NOON)


class Tags(HTMLParser):
    """What a browser would make of a page: its elements, attributes and words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_timeline_tells_what_people_did_and_leaves_out_what_machines_reported() -> None:
    kinds = [happening.kind for happening in transcribed().timeline]
    assert kinds == [
        "room_opened",
        "participant_arrived",
        "consent_recorded",
        "participant_arrived",
        "participant_admitted",
        "track_published",
        "recording_started",
        "message_posted",
        "participant_disconnected",
        "participant_connected",
        "recording_stopped",
        "recording_started",
        "message_posted",
        "recording_stopped",
        "visit_finished",
    ]


def test_the_timeline_names_people_and_their_place_in_the_recording() -> None:
    told = {happening.seq: happening for happening in transcribed().timeline}
    assert (told[10].name, told[10].text, told[10].offset_ms) == ("Ann", "hello", 2000)
    assert (told[7].name, told[7].by, told[7].offset_ms) == ("Ann", DOCTOR, None)
    assert (told[5].decision, told[14].reason, told[8].source) == ("given", "asked", "camera")


def test_messages_keep_their_files_and_sealed_ones_say_nothing() -> None:
    first, second = transcribed().messages
    assert (first.author_name, first.text, first.attachments[0].name) == ("Ann", "hello", "hello.png")
    assert (second.author_name, second.text) == ("Dr Lin", None)


def test_consents_keep_the_words_that_were_shown() -> None:
    (consent,) = transcribed("May we record?").consents
    assert (consent.name, consent.decision, consent.text) == ("Ann", "given", "May we record?")


def test_the_page_shows_words_of_people_as_words_whatever_they_contain() -> None:
    attacked = Tags(page(ATTACK, ATTACK))
    assert attacked.tags.count("script") == attacked.tags.count("img") == 0
    assert not [name for name in attacked.attributes if name.startswith("on")]
    assert ATTACK in attacked.words
    assert set(attacked.tags) == set(Tags(page("血压", "王芳")).tags) | {"bdi"}


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    parsed = Tags(page())
    assert not set(parsed.tags) & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not set(parsed.attributes) & {"src", "href", "style"}


def test_the_page_speaks_both_languages_and_keeps_the_clinics_time() -> None:
    text = Tags(page("血压高", "王芳")).words
    for words in (
        "Transcript of a consultation",
        "问诊记录",
        "agreed to recording",
        "同意录音录像",
        "心内科",
        "王芳",
        "血压高",
    ):
        assert words in text
    assert "20:00:12" in text
    assert "2026-11-25 20:00:00 UTC+08:00" in text


def test_the_page_shows_each_wording_once_and_says_who_came_where() -> None:
    text = Tags(page("May we record you?")).words
    assert text.count("Wording") == 1
    assert "came in 进入诊室" in text
    assert "came into the waiting room 进入候诊室" in text


def test_control_characters_do_not_reach_the_page() -> None:
    assert "\x00" not in page("a\x00b\x1b[31m")
