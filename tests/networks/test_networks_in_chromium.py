"""A visit of two real browsers on networks that fail. How fast it comes back is measured by `benchmarks.networks`."""

from tests.e2e.pictures import DOCTOR, PATIENT
from tests.networks.place import Place, away_since, now, reception, wait_for_return

CONNECTION = """() => {
  const { media } = document.querySelector('c-call-stage').call;
  return { begun: media._begun, state: media._peer.iceConnectionState };
}"""

LINK = "() => document.querySelector('c-call-stage').call.link"


def test_a_network_that_is_away_for_five_seconds_is_shown_to_the_other_side_and_comes_back_by_itself(
    place: Place,
) -> None:
    with place.visit() as (visit, patient, doctor):
        with place.patients.blocked():
            doctor.until(lambda: away_since(doctor), "the patient's tile saying that they lost the line")
            doctor.pause(4000)
        back = now()
        wait_for_return([patient, doctor], back, within_s=20)
        doctor.sees_picture_of(visit.patient_id, PATIENT)
        doctor.until(lambda: not doctor.page.locator("[data-testid=tile][state=away]").count(), "the tile alive again")
        visit.no_troubles()


def test_a_nat_that_gives_another_address_ends_nothing(place: Place) -> None:
    with place.visit() as (visit, patient, doctor):
        before = patient.page.evaluate(CONNECTION)
        place.patients.rebind()
        wait_for_return([patient, doctor], now(), within_s=20)
        doctor.sees_picture_of(visit.patient_id, PATIENT)
        patient.sees_picture_of(visit.doctor_id, DOCTOR)
        assert patient.page.evaluate(CONNECTION) == before  # the same connection: no new handshake
        assert away_since(doctor) == 0
        visit.no_troubles()


def test_a_machine_that_gets_another_address_is_back_by_itself(place: Place) -> None:
    with place.visit() as (visit, patient, doctor):
        place.patients.move()
        wait_for_return([patient, doctor], now(), within_s=20)
        doctor.sees_picture_of(visit.patient_id, PATIENT)
        patient.sees_picture_of(visit.doctor_id, DOCTOR)
        visit.no_troubles()


def test_five_percent_of_loss_each_way_leave_pictures_and_sound(place: Place) -> None:
    with place.visit() as (visit, patient, doctor):
        place.patients.lose(percent=5)
        begin = now()
        try:
            doctor.until(lambda: now() - begin > 6, "six seconds")
        finally:
            place.patients.lose(percent=0)
        for person in (patient, doctor):
            came = reception(person)
            assert max(came.sound_gaps(begin + 0.5, begin + 6)) < 2
            assert len([at for at in came.pictures if at > begin]) > 30
        visit.no_troubles()


def test_a_socket_that_is_lost_alone_takes_nothing_from_sound_and_picture(place: Place) -> None:
    with place.visit() as (visit, patient, doctor):
        before = patient.page.evaluate(CONNECTION)
        begin = now()
        doctor.tab("chat")
        with place.patients.without_sockets():
            patient.sees("messages-wait")
            doctor.says("Written while the patient had no socket")
            doctor.until(lambda: patient.page.evaluate(LINK) == "reconnecting", "attempts in vain")
        patient.sees_no("messages-wait")
        patient.reads("Written while the patient had no socket")
        end = now()
        doctor.sees_picture_of(visit.patient_id, PATIENT)
        patient.sees_picture_of(visit.doctor_id, DOCTOR)
        assert patient.page.evaluate(CONNECTION) == before  # no new handshake
        assert away_since(doctor) == 0
        for person in (patient, doctor):
            came = reception(person)
            assert max(came.sound_gaps(begin, end)) < 1
            assert max(came.picture_gaps(begin, end)) < 1
