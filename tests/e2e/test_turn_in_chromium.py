"""Consultations through a relay: Debian's coturn as in production, and pages that may use nothing else."""

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Playwright

from tests.e2e.conftest import Browsers
from tests.e2e.people import Person, Visit
from tests.e2e.pictures import DOCTOR, PATIENT
from tests.server_process import server_process
from tests.turn_server import SECRET, TurnServer, needs_coturn, turn_server

pytestmark = needs_coturn

ONLY_RELAYED = """
  const Peer = globalThis.RTCPeerConnection;
  globalThis.peers = [];
  globalThis.RTCPeerConnection = class extends Peer {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: 'relay' });
      this.renewals = [];
      peers.push(this);
    }
    setConfiguration(configuration) {
      this.renewals.push(configuration.iceServers[0].username);
      super.setConfiguration({ ...configuration, iceTransportPolicy: 'relay' });
    }
  };
"""
"""In the page: connections may only go through a relay; what is put in place later is noted."""

USED = """async () => {
  const report = await peers.findLast((peer) => peer.iceConnectionState !== 'closed').getStats();
  const entries = [...report.values()];
  const transport = entries.find(({ type }) => type === 'transport');
  const local = report.get(report.get(transport.selectedCandidatePairId).localCandidateId);
  const inbound = entries.filter(({ type }) => type === 'inbound-rtp');
  const sum = (name) => inbound.reduce((total, entry) => total + (entry[name] ?? 0), 0);
  return {
    type: local.candidateType, way: local.relayProtocol, port: local.port, received: transport.bytesReceived,
    changes: transport.selectedCandidatePairChanges, lost: sum('packetsLost'), freezes: sum('freezeCount'),
    frames: sum('framesDecoded'),
  };
}"""


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TurnServer]:
    with turn_server(tmp_path_factory.mktemp("turn"), allowed_peer="127.0.0.1") as running:
        yield running


@contextmanager
def relayed_visit(
    folder: Path, browsers: Browsers, playwright: Playwright, urls: str, *, lifetime_s: int = 600, secret: str = SECRET
) -> Iterator[Visit]:
    environ = {
        "CONSILIUM_MEDIA__ANNOUNCED_ADDRESSES": "127.0.0.1",
        "CONSILIUM_TURN__URLS": urls,
        "CONSILIUM_TURN__SECRET": secret,
        "CONSILIUM_TURN__LIFETIME_S": str(lifetime_s),
    }
    with server_process(folder / "data", environ=environ) as server, ExitStack() as stack:
        yield Visit.planned(server.url, browsers, playwright, stack)


def begun_over_relay(visit: Visit) -> tuple[Person, Person]:
    patient, doctor = visit.person(PATIENT), visit.person(DOCTOR)
    for person in (patient, doctor):
        person.page.add_init_script(ONLY_RELAYED)
    patient.open_link(visit.patient_link())
    doctor.sign_in(visit.url, visit.doctor_login)
    doctor.page.goto(f"{visit.url}/visit/{visit.id}")
    doctor.press("admit")
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    return patient, doctor


@pytest.mark.parametrize("way", ["udp", "tcp"])
def test_a_call_goes_through_the_relay(
    turn: TurnServer, browsers: Browsers, playwright: Playwright, tmp_path: Path, way: str
) -> None:
    with relayed_visit(tmp_path, browsers, playwright, getattr(turn, way)) as visit:
        patient, doctor = begun_over_relay(visit)
        patient.hears(visit.doctor_id, DOCTOR)
        for person in (patient, doctor):
            used = person.page.evaluate(USED)
            assert (used["type"], used["way"]) == ("relay", way)
        visit.no_troubles()


def test_a_call_goes_through_the_relay_over_tls(turn: TurnServer, playwright: Playwright, tmp_path: Path) -> None:
    key = x509.load_pem_x509_certificate(turn.certificate.read_bytes()).public_key()
    pin = base64.b64encode(
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()
    browsers = Browsers(playwright, tmp_path, arguments=[f"--ignore-certificate-errors-spki-list={pin}"])
    with relayed_visit(tmp_path, browsers, playwright, turn.tls) as visit:
        patient, _ = begun_over_relay(visit)
        used = patient.page.evaluate(USED)
        assert (used["type"], used["way"]) == ("relay", "tls")
        visit.no_troubles()
    browsers.close()


def test_credentials_are_renewed_in_the_call_without_a_lost_packet(
    turn: TurnServer, browsers: Browsers, playwright: Playwright, tmp_path: Path
) -> None:
    with relayed_visit(tmp_path, browsers, playwright, turn.udp, lifetime_s=10) as visit:
        patient, doctor = begun_over_relay(visit)
        first = patient.page.evaluate("peers.at(-1).getConfiguration().iceServers[0].username")
        before = patient.page.evaluate(USED)
        patient.until(
            lambda: len(patient.page.evaluate("peers.at(-1).renewals")) >= 3,
            "renewals past the first expiry",
            within_s=25,
        )
        after = patient.page.evaluate(USED)
        assert after["port"] == before["port"], "the relay in use is kept"
        assert after["received"] > before["received"]
        assert after["frames"] > before["frames"]
        assert [after[name] - before[name] for name in ("changes", "lost", "freezes")] == [0, 0, 0]
        assert patient.page.evaluate("peers.filter((peer) => peer.iceConnectionState === 'connected').length") == 1
        renewed = patient.page.evaluate("peers.at(-1).renewals")
        assert len({first, *renewed}) == len(renewed) + 1
        assert {name.partition(":")[2] for name in renewed} == {first.partition(":")[2]}, "one opaque name for a person"
        assert visit.patient_id not in "".join(renewed)

        patient.page.evaluate("document.querySelector('c-call-stage').call.media.restart()")
        patient.until(lambda: patient.page.evaluate(USED)["port"] != before["port"], "a relay of the new credentials")
        assert re.search(rf"new, realm=<[^>]*>, username=<({'|'.join(map(re.escape, renewed))})>", turn.output)
        patient.sees_picture_of(visit.doctor_id, DOCTOR)
        doctor.sees_picture_of(visit.patient_id, PATIENT)
        moved = patient.page.evaluate(USED)
        assert moved["lost"] == before["lost"]
        visit.no_troubles()


def test_with_another_secret_there_is_no_relay(
    turn: TurnServer, browsers: Browsers, playwright: Playwright, tmp_path: Path
) -> None:
    with relayed_visit(tmp_path, browsers, playwright, turn.udp, secret="another") as visit:
        patient = visit.person(PATIENT)
        patient.page.add_init_script(ONLY_RELAYED)
        patient.page.goto(visit.patient_link())
        patient.until(lambda: patient.at("connection").get_attribute("data-state") == "blocked", "the check to say so")
        assert "Cannot find credentials of user" in turn.output
        visit.no_troubles()
