"""What real browsers send of their cameras: the layer that is watched, nothing to nobody, and again at once."""

from tests.e2e.people import Person, Visit
from tests.e2e.pictures import DOCTOR, PATIENT

KEEP_PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...made) { super(...made); peers.push(this); }
};"""
ACTIVE = """async () => {
  const peer = peers.findLast(({iceConnectionState}) => iceConnectionState === 'connected');
  const report = peer ? [...(await peer.getStats()).values()] : [];
  return report.filter(({type, rid, active}) => type === 'outbound-rtp' && rid && active)
    .map(({rid}) => rid).sort().join();
}"""
BEST = "m"  # of the browser's pretended camera, 640x360: too small for three layers


def arrives(visit: Visit, person: Person, *, admitted: bool = False) -> Person:
    person.page.add_init_script(KEEP_PEERS)
    person.open_link(visit.patient_link(), waits=not admitted)
    return person


def sends(person: Person, layers: str) -> None:
    """Wait until a person's camera is sent in these layers and no others."""
    person.until(lambda: person.ask(ACTIVE) == layers, f"the camera is sent as '{layers}'")


def test_a_camera_is_sent_in_the_layer_that_is_watched_and_to_nobody_not_at_all(visit: Visit) -> None:
    patient, doctor = arrives(visit, visit.person(PATIENT)), visit.person(DOCTOR)
    doctor.page.add_init_script(KEEP_PEERS)
    doctor.sign_in(visit.url, visit.doctor_login)
    doctor.goto(f"{visit.url}/visit/{visit.id}")
    doctor.press("admit")
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    sends(doctor, BEST)
    sends(patient, BEST)
    patient.page.context.close()
    sends(doctor, "")
    patient = arrives(visit, visit.person(PATIENT), admitted=True)
    patient.sees_picture_of(visit.doctor_id, DOCTOR)
    sends(doctor, BEST)
    visit.no_troubles()
