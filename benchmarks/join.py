"""How long a patient waits from opening the link to the doctor's first decoded frame, and with which step.

Two real Chromium browsers and a real server on this machine. Nobody hesitates: scripts in the pages answer the consent,
press "I'm ready" and admit in the moment that it is possible, so what is left is ours (and the browsers').
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from playwright.sync_api import sync_playwright

from benchmarks.report import report
from tests.e2e.conftest import Browsers
from tests.e2e.people import Visit
from tests.e2e.pictures import PATIENT
from tests.server_process import server_process

JOINS: Final = 10

PATIENT_AT_ONCE: Final = """() => {
  const times = window.joinTimes = {};
  const reached = (step) => { times[step] ??= performance.now() / 1000; };
  const at = (id) => document.querySelector(`[data-testid="${id}"]`);
  const turn = setInterval(() => {
    if (!document.body) return;
    const preview = document.querySelector('c-device-check video');
    if (at('consent-given') && preview?.videoWidth && !times.check) {
      reached('check');
      at('consent-given').click();
      queueMicrotask(() => at('ready')?.click());
    }
    if (at('call')) reached('admitted');
    const video = document.querySelector('[data-testid=tile][data-source=camera] video');
    if (video?.getVideoPlaybackQuality().totalVideoFrames > 0) { reached('frame'); clearInterval(turn); }
  }, 4);
}"""

DOCTOR_AT_ONCE: Final = """() => {
  setInterval(() => document.querySelector('[data-testid=visit-waiting] [data-testid=admit]')?.click(), 4);
}"""

STEPS: Final = {  # figure -> (from, to)
    "link_to_own_picture_s": (None, "check"),
    "ready_to_admitted_s": ("check", "admitted"),  # seat taken, doctor told, doctor's page admits
    "admitted_to_first_frame_s": ("admitted", "frame"),
}


def joins() -> list[dict[str, float]]:
    """Return, for each join, the seconds after opening the link at which each step was reached."""
    times = []
    with tempfile.TemporaryDirectory() as folder, server_process(Path(folder) / "data") as server, ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browsers = Browsers(playwright, Path(folder))
        stack.callback(browsers.close)
        for _ in range(JOINS):
            with ExitStack() as one:
                visit = Visit.planned(server.url, browsers, playwright, one)
                doctor = visit.doctor_arrives()
                doctor.sees("stage")
                doctor.page.evaluate(f"({DOCTOR_AT_ONCE})()")
                patient = visit.person(PATIENT)  # a fresh profile: nothing is in the cache
                patient.page.add_init_script(f"({PATIENT_AT_ONCE})()")
                patient.page.goto(visit.patient_link())
                patient.until(lambda page=patient.page: page.evaluate("window.joinTimes.frame"), "a frame")
                times.append(patient.page.evaluate("window.joinTimes"))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the report alone")
    parser.parse_args()
    times = joins()
    frames = [each["frame"] for each in times]
    figures = {
        "first_frame_s_median": median(frames),
        "first_frame_s_p95": quantiles(frames, n=20, method="inclusive")[-1],
    }
    for name, (begin, end) in STEPS.items():
        figures[name] = median(each[end] - (each[begin] if begin else 0) for each in times)
    report("join", figures, runs=JOINS)


if __name__ == "__main__":
    main()
