"""A server and two people's browsers, each on a line of their own, and what reaches them from each other."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Playwright, sync_playwright

from benchmarks.namespace import private_network
from tests.e2e.conftest import Browsers
from tests.e2e.people import Person, Visit
from tests.e2e.pictures import DOCTOR, INTERPRETER, PATIENT
from tests.networks.network import BROWSER_ARGUMENTS, Line, a_line, a_server
from tests.server_process import ServerProcess

# Keeps when sound and pictures of a person came, in seconds since 1970, whichever connection brought them.
_METER: Final = """participant => {
  const meter = window.networkMeter = { sound: [], pictures: [], frames: 0, samples: 0, concealed: 0, octets: 0 };
  const counts = new Map();
  const grown = (key, count) => {
    const more = Math.max(0, count - (counts.get(key) ?? 0));
    counts.set(key, count);
    return more;
  };
  const look = async () => {
    const media = document.querySelector('c-call-stage')?.call.media;
    const entries = media?._peer ? [...(await media._peer.getStats()).values()] : [];
    const theirs = ['microphone', 'camera'].map((source) => media?.remote(participant, source)?.id ?? 'none');
    for (const entry of entries.filter(({ trackIdentifier: id }) => theirs.includes(id))) {
      const sound = entry.kind === 'audio';
      const key = `${entry.id}/${entry.ssrc}`;
      const more = grown(key, sound ? entry.packetsReceived : entry.framesDecoded ?? 0);
      if (more) (sound ? meter.sound : meter.pictures).push(Date.now() / 1000);
      if (!sound) meter.frames += more;
      else {
        meter.samples += grown(`${key}/samples`, entry.totalSamplesReceived ?? 0);
        const audible = (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
        meter.octets += grown(`${key}/octets`, entry.bytesReceived ?? 0);
        meter.concealed += grown(`${key}/concealed`, audible);
      }
    }
    setTimeout(look, 20);
  };
  look();
}"""

# Notes when the other person's tile says that they lost the line, and when it no longer does.
_WATCH_AWAY: Final = """() => {
  window.awaySince = 0;
  const look = () => {
    const away = document.querySelector('[data-testid=tile][data-source=camera][state=away]');
    if (away && !window.awaySince) window.awaySince = Date.now() / 1000;
    setTimeout(look, 20);
  };
  look();
}"""


@dataclass(frozen=True)
class Reception:
    """What reached one person: when more sound and more pictures had come, seconds since 1970, to about 0.05 s."""

    sound: list[float]
    pictures: list[float]
    frames: int
    samples: int
    concealed: int
    octets: int  # of sound, without headers

    def back_after(self, moment: float) -> float | None:
        """Return how long after `moment` both had come again; None while they have not."""
        firsts = [next((at for at in times if at > moment), None) for times in (self.sound, self.pictures)]
        return None if None in firsts else max(at for at in firsts if at is not None) - moment

    def sound_gaps(self, begin: float, end: float) -> list[float]:
        """Return the times without sound between `begin` and `end`, that at its edges included, in seconds."""
        return _gaps(self.sound, begin, end)

    def picture_gaps(self, begin: float, end: float) -> list[float]:
        """Return the same of pictures."""
        return _gaps(self.pictures, begin, end)


def _gaps(times: list[float], begin: float, end: float) -> list[float]:
    points = [begin, *(at for at in times if begin < at < end), end]
    return [after - before for before, after in pairwise(points)]


def watch(person: Person, participant: str) -> None:
    """Begin to note what reaches this person from `participant`."""
    person.page.evaluate(_METER, participant)
    person.page.evaluate(f"({_WATCH_AWAY})()")


def reception(person: Person) -> Reception:
    return Reception(**person.page.evaluate("window.networkMeter"))


def away_since(person: Person) -> float:
    """Return when the other person's tile first said that they lost the line; 0 when it never did."""
    return float(person.page.evaluate("window.awaySince"))


def now() -> float:
    """Return the time on the clock that the browsers read too, in seconds since 1970."""
    return time.time()  # noqa: TID251 - compared with what browsers noted


@dataclass
class Place:
    """Where visits take place: patients, doctors and interpreters on a line each."""

    folder: Path
    server: ServerProcess
    playwright: Playwright
    browsers: Browsers
    patients: Line
    doctors: Line
    interpreters: Line

    @contextmanager
    def visit(self) -> Iterator[tuple[Visit, Person, Person]]:
        """A visit that has begun, with what reaches patient and doctor noted."""
        with ExitStack() as stack:
            visit = Visit.planned(self.server.url, self.browsers, self.playwright, stack)
            patient, doctor = visit.begun()
            watch(patient, visit.doctor_id)
            watch(doctor, visit.patient_id)
            yield visit, patient, doctor

    @contextmanager
    def with_another_server(self, settings: Mapping[str, str]) -> Iterator["Place"]:
        """The same place, its visits at a second server that has these settings."""
        with a_server(self.folder / "other", is_other=True, settings=settings) as server:
            yield replace(self, server=server)

    def interpreter(self, visit: Visit, doctor: Person) -> Person:
        """Let an interpreter join a visit that has begun."""
        link, guest_id = visit.guest_link("Li Na")
        interpreter = visit.person(INTERPRETER)
        interpreter.open_link(link)
        doctor.press("admit")
        interpreter.sees_picture_of(visit.patient_id, PATIENT)
        doctor.sees_picture_of(guest_id, INTERPRETER)
        return interpreter


@contextmanager
def a_place(folder: Path) -> Iterator[Place]:
    """Open a place in a network of its own. NoNamespace where this machine does not let us."""
    with ExitStack() as stack:
        stack.enter_context(private_network())
        lines = {
            look.name: stack.enter_context(a_line(look.name, folder, number=number))
            for number, look in enumerate((PATIENT, DOCTOR, INTERPRETER), 1)
        }
        server = stack.enter_context(a_server(folder / "data"))
        playwright = stack.enter_context(sync_playwright())
        browsers = Browsers(
            playwright, folder, arguments=BROWSER_ARGUMENTS, executable=lambda look: lines[look.name].browser
        )
        stack.callback(browsers.close)
        yield Place(folder, server, playwright, browsers, *lines.values())


def wait_for_return(people: list[Person], moment: float, *, within_s: float) -> list[float]:
    """Return for each person how long after `moment` sound and pictures reached them again."""
    for person in people:
        person.until(lambda each=person: reception(each).back_after(moment), "the call's return", within_s=within_s)
    found: list[Any] = [reception(person).back_after(moment) for person in people]
    return found
