"""What a call does on networks that fail: real Chromium browsers on lines of their own that lose, break and change.

`python -m benchmarks.networks --only loss5` (or another of `PARTS`) runs one part; each takes a few minutes at most.
Run as root: it takes place in network namespaces of its own. Seconds back are from the network's return until both
sound and pictures come again, at both people. The ratio of frames is to the same visit before the loss began. `plain`
is the same without redundant sound (RFC 2198).
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from benchmarks.namespace import NoNamespace
from benchmarks.report import report
from tests.e2e.people import Person
from tests.networks.capture import captured
from tests.networks.network import MEDIA_PORT
from tests.networks.place import Place, a_place, away_since, now, reception, wait_for_return
from tests.networks.stranger import stranger

LOSS_S: Final = 20
WINDOW_S: Final = 2  # of each, the longest time without sound is a sample
LOSS_RUNS: Final = 2
NARROW_RUNS: Final = 1
CHANGES: Final = 10
SILENCES: Final = 6
SOCKETS: Final = 6
VISITS_AT_ONCE: Final = 2  # whose patients lose the network in the same moment
OUTAGE_RUNS: Final = {5: 3, 25: 2, 84: 1}
BACK_WITHIN_S: Final = 30
WITHOUT_REDUNDANCY: Final = {"CONSILIUM_MEDIA__REDUNDANCY": "false"}

# The user name by which the server knows the page's connection, which a stranger might have seen.
OUR_USER: Final = """() => document.querySelector('c-call-stage').call.media._peer
  .currentRemoteDescription.sdp.match(/ice-ufrag:(\\S+)/)[1]"""

Samples = dict[str, list[float]]


def loss(place: Place, percent: int) -> Samples:
    """Lose a share of what goes to and from the patient, each way, in turns with redundant sound and without."""
    samples: Samples = {}
    with place.with_another_server(WITHOUT_REDUNDANCY) as plain:
        for _ in range(LOSS_RUNS):
            for where, name in ((place, f"loss{percent}"), (plain, f"loss{percent}_plain")):
                for figure, values in lossy_visit(where, percent).items():
                    samples.setdefault(f"{name}_{figure}", []).extend(values)
    return samples


def lossy_visit(place: Place, percent: int) -> Samples:
    """Measure one visit without loss, then for as long with loss."""
    with place.visit() as (_, patient, doctor):
        people = [patient, doctor]
        rest(doctor, 5)
        calm = [reception(person) for person in people]
        before = frame_rates(people, doctor)
        place.patients.lose(percent)
        begin, counts = now(), [reception(person) for person in people]
        try:
            after = frame_rates(people, doctor)
        finally:
            place.patients.lose(0)
        samples: Samples = {
            "video_fps_ratio": [lossy / whole for lossy, whole in zip(after, before, strict=True)],
            "audio_gap_ms": [],
            "audio_concealed": [],
            "audio_kbps": [
                8 * (late.octets - early.octets) / 1000 / LOSS_S for early, late in zip(calm, counts, strict=True)
            ],
        }
        for person, at_first in zip(people, counts, strict=True):
            came = reception(person)
            windows = [begin + offset for offset in range(0, LOSS_S, WINDOW_S)]
            samples["audio_gap_ms"] += [1000 * max(came.sound_gaps(start, start + WINDOW_S)) for start in windows]
            share = (came.concealed - at_first.concealed) / max(1, came.samples - at_first.samples)
            samples["audio_concealed"].append(share)
        return samples


def address_changes(place: Place) -> Samples:
    """Give the patient's packets another address, as a NAT does, and see how long the doctor receives nothing.

    As the doctor's page sees it, and on the wire to the doctor, beside as long a time without a change; and when the
    first sound left for the patient's new address.
    """
    samples: Samples = {
        f"address_{what}_s": [] for what in ("change", "change_wire", "control", "control_wire", "followed")
    }
    with (
        captured(place.doctors.near) as to_doctor,
        captured(place.patients.near) as to_patient,
        place.visit() as (_, _patient, doctor),
    ):
        rest(doctor, 3)
        for _ in range(CHANGES):
            moment = now()
            shown = place.patients.rebind()
            rest(doctor, 4)
            came = reception(doctor)
            for name, begin in (("change", moment - 0.1), ("control", moment + 1.9)):
                samples[f"address_{name}_s"].append(max(came.sound_gaps(begin, begin + 1.6)))
                samples[f"address_{name}_wire_s"].append(to_doctor.longest_gap(begin, begin + 1.6))
            samples["address_followed_s"].append(to_patient.first_to(shown, moment) - moment)
    return samples


def moves(place: Place) -> Samples:
    """Give the patient's machine another address, the old one gone, which ends its socket too."""
    times: list[float] = []
    with place.visit() as (_, patient, doctor):
        for _ in range(CHANGES // 2):
            rest(doctor, 4)
            moment = now()
            place.patients.move()
            rest(doctor, 5)
            times += wait_for_return([patient, doctor], moment + 0.3, within_s=BACK_WITHIN_S)
    return {"machine_moved_s": [each + 0.3 for each in times]}


def lost_sockets(place: Place) -> Samples:
    """Cut the patient's socket alone for a while, and see the longest time without pictures and without sound."""
    samples: Samples = {f"socket_{what}_gap_s": [] for what in ("picture", "sound", "control_picture")}
    with place.visit() as (_, patient, doctor):
        people = [patient, doctor]
        for _ in range(SOCKETS):
            rest(doctor, 3)
            begin = now()
            with place.patients.without_sockets():
                patient.sees("messages-wait")
                rest(doctor, 2)
            patient.sees_no("messages-wait")
            rest(doctor, 1)
            end = now()
            rest(doctor, end - begin)
            for came in (reception(person) for person in people):
                samples["socket_picture_gap_s"].append(max(came.picture_gaps(begin, end)))
                samples["socket_sound_gap_s"].append(max(came.sound_gaps(begin, end)))
                samples["socket_control_picture_gap_s"].append(max(came.picture_gaps(end, 2 * end - begin)))
    return samples


def silences(place: Place) -> Samples:
    """See how soon the doctor is shown that the patient's line is dead."""
    noticed = []
    with place.visit() as (_, patient, doctor):
        for _ in range(SILENCES):
            rest(doctor, 3)
            doctor.page.evaluate("window.awaySince = 0")
            moment = now()
            with place.patients.blocked():
                doctor.until(lambda: away_since(doctor), "the patient's tile saying so")
            noticed.append(away_since(doctor) - moment)
            wait_for_return([patient, doctor], now(), within_s=BACK_WITHIN_S)
    return {"silent_peer_noticed_s": noticed}


def outage(place: Place, seconds: int) -> Samples:
    """Take the network from several patients for so long, and see when sound and pictures are back."""
    times: list[float] = []
    with ExitStack() as stack:
        people: list[Person] = []
        for _ in range(VISITS_AT_ONCE):
            _visit, patient, doctor = stack.enter_context(place.visit())
            people += [patient, doctor]
        for _ in range(OUTAGE_RUNS[seconds]):
            rest(people[0], 4)
            with place.patients.blocked():
                rest(people[0], seconds)
            times += wait_for_return(people, now(), within_s=BACK_WITHIN_S)
    return {f"outage{seconds}_back_s": times}


def narrow(place: Place) -> Samples:
    """Narrow an interpreter's line to 300 kbit/s each way, and see whether patient and doctor lose pictures."""
    ratios = []
    for _ in range(NARROW_RUNS):
        with place.visit() as (visit, patient, doctor):
            place.interpreter(visit, doctor)
            people = [patient, doctor]
            rest(doctor, 5)
            before = frame_rates(people, doctor)
            place.interpreters.narrow(300)
            try:
                after = frame_rates(people, doctor)
            finally:
                place.interpreters.widen()
            ratios += [narrowed / whole for narrowed, whole in zip(after, before, strict=True)]
    return {"narrow300k_bystander_fps_ratio": ratios}


def floods(place: Place) -> Samples:
    """Let a stranger flood the media port beside a call; the longest time without sound, beside one without flood."""
    with place.visit() as (_, patient, doctor):
        people = [patient, doctor]
        rest(doctor, 5)
        users = [person.page.evaluate(OUR_USER) for person in people]
        calm = longest_gaps(people, doctor)
        with stranger(MEDIA_PORT, users):
            flooded = longest_gaps(people, doctor)
    return {"stranger_bystander_gap_ms": flooded, "stranger_control_gap_ms": calm}


def longest_gaps(people: list[Person], waits: Person) -> list[float]:
    """Return the longest time without sound of each of them over the next LOSS_S, in milliseconds."""
    begin = now()
    rest(waits, LOSS_S)
    return [1000 * max(reception(person).sound_gaps(begin, begin + LOSS_S)) for person in people]


PARTS: Final[Mapping[str, Callable[[Place], Samples]]] = {
    "loss5": lambda place: loss(place, 5),
    "loss10": lambda place: loss(place, 10),
    "address": address_changes,
    "move": moves,
    "socket": lost_sockets,
    "silent": silences,
    "narrow": narrow,
    "stranger": floods,
    "outage5": lambda place: outage(place, 5),
    "outage25": lambda place: outage(place, 25),
    "outage84": lambda place: outage(place, 84),
}


def rest(person: Person, seconds: float) -> None:
    """Let the browsers go on for so long."""
    person.pause(round(1000 * seconds))


def frame_rates(people: list[Person], waits: Person) -> list[float]:
    """Return how many pictures a second reach each of them over the next LOSS_S."""
    begin, before = now(), [reception(person).frames for person in people]
    rest(waits, LOSS_S)
    after = [reception(person).frames for person in people]
    elapsed_s = now() - begin
    return [(late - early) / elapsed_s for late, early in zip(after, before, strict=True)]


def figures_of(samples: Samples) -> dict[str, float]:
    """Return median, 95th percentile and number of each sample; of ratios the median alone, which is the figure."""
    figures: dict[str, float] = {}
    for name, values in samples.items():
        if name.endswith(("_ratio", "_concealed", "_kbps")):
            figures[name] = median(values)
        else:
            figures[f"{name}_p50"] = median(values)
            figures[f"{name}_p95"] = quantiles(values, n=20, method="inclusive")[-1]
            figures[f"{name}_max"] = max(values)
        figures[f"{name}_samples"] = len(values)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the report alone")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be given several times")
    arguments = parser.parse_args()
    chosen = arguments.only or list(PARTS)
    samples: Samples = {}
    try:
        with tempfile.TemporaryDirectory() as folder, a_place(Path(folder)) as place:
            for part in chosen:
                samples |= PARTS[part](place)
    except NoNamespace as problem:
        sys.exit(f"networks: {problem}")
    report("networks", figures_of(samples), runs=sum(len(values) for values in samples.values()))


if __name__ == "__main__":
    main()
