import assert from 'node:assert/strict';
import test from 'node:test';
import {
  admitted,
  agreed,
  emptyRoom,
  inCall,
  isRecording,
  notAgreed,
  participantOf,
  reduceRoom,
  unread,
  waiting,
} from '../../static/state/room.js';

const DOCTOR = 'usr_doctor';
const PATIENT = 'pat_patient';
const GUEST = 'inv_guest';
const NOON = '2026-11-25T12:00:00.000Z';

/** Number the facts and apply them. */
const roomAfter = (...facts) =>
  facts.reduce((room, fact, index) => reduceRoom(room, { seq: index + 1, at: NOON, ...fact }), emptyRoom);

const OPENED = { kind: 'room_opened', clinician: DOCTOR, clinician_name: 'Dr Berg' };
const arrived = (participant, role, name) => ({ kind: 'participant_arrived', participant, role, name, language: 'en' });
const connected = (participant) => ({ kind: 'participant_connected', participant, connection: 'cnx_1' });
const about = (kind, participant, more = {}) => ({ kind, participant, ...more });
const consent = (participant, decision) =>
  about('consent_recorded', participant, { decision, version: '1', language: 'en', text: 'May we?' });
const message = (author, text) => ({
  kind: 'message_posted',
  author,
  client_message_id: `m-${text}`,
  body: { scheme: 'server', text },
  attachments: [],
});

const BOTH_HERE = [
  OPENED,
  arrived(DOCTOR, 'clinician', 'Dr Berg'),
  connected(DOCTOR),
  arrived(PATIENT, 'patient', 'Ada'),
  connected(PATIENT),
];

test('the doctor stands in the call from the beginning, the patient waits', () => {
  const room = roomAfter(...BOTH_HERE);
  assert.deepEqual(
    inCall(room).map(({ id }) => id),
    [DOCTOR],
  );
  assert.deepEqual(
    waiting(room).map(({ name }) => name),
    ['Ada'],
  );
  assert.equal(room.startedAt, null);
});

test('the visit begins when the patient is admitted for the first time', () => {
  const room = roomAfter(...BOTH_HERE, about('participant_admitted', PATIENT, { by: DOCTOR }));
  assert.deepEqual(
    inCall(room).map(({ id }) => id),
    [DOCTOR, PATIENT],
  );
  assert.equal(room.startedAt, NOON);
});

test('somebody held waits again and sends nothing', () => {
  const room = roomAfter(
    ...BOTH_HERE,
    about('participant_admitted', PATIENT),
    about('track_published', PATIENT, { source: 'camera', muted: false }),
    about('participant_held', PATIENT),
  );
  const patient = participantOf(room, PATIENT);
  assert.equal(patient?.held, true);
  assert.deepEqual(patient?.tracks, {});
  assert.deepEqual(
    waiting(room).map(({ id }) => id),
    [PATIENT],
  );
});

test('losing the line keeps the place in the call', () => {
  const room = roomAfter(
    ...BOTH_HERE,
    about('participant_admitted', PATIENT),
    about('participant_disconnected', PATIENT),
  );
  assert.deepEqual(
    admitted(room).map(({ id }) => id),
    [DOCTOR, PATIENT],
  );
  assert.deepEqual(
    inCall(room).map(({ id }) => id),
    [DOCTOR],
  );
  assert.deepEqual(waiting(room), []);
});

test('a dismissed guest neither waits nor stays', () => {
  const room = roomAfter(
    ...BOTH_HERE,
    arrived(GUEST, 'guest', 'Li Wei'),
    connected(GUEST),
    about('participant_admitted', GUEST),
    about('participant_removed', GUEST),
  );
  assert.equal(participantOf(room, GUEST)?.removed, true);
  assert.deepEqual(
    waiting(room).map(({ id }) => id),
    [PATIENT],
  );
  assert.deepEqual(
    admitted(room).map(({ id }) => id),
    [DOCTOR],
  );
});

test('tracks are published, muted and taken back one by one', () => {
  const published = [
    ...BOTH_HERE,
    about('participant_admitted', PATIENT),
    about('track_published', PATIENT, { source: 'camera', muted: false }),
    about('track_published', PATIENT, { source: 'microphone', muted: false }),
    about('track_muted', PATIENT, { source: 'microphone', muted: true }),
  ];
  assert.deepEqual(participantOf(roomAfter(...published), PATIENT)?.tracks, {
    camera: { muted: false },
    microphone: { muted: true },
  });
  const room = roomAfter(...published, about('track_unpublished', PATIENT, { source: 'camera' }));
  assert.deepEqual(participantOf(room, PATIENT)?.tracks, { microphone: { muted: true } });
});

test('of the consents the latest counts, and only of those in the call', () => {
  const room = roomAfter(...BOTH_HERE, consent(PATIENT, 'given'), consent(DOCTOR, 'given'));
  assert.deepEqual(
    agreed(room).map(({ id }) => id),
    [DOCTOR],
  );
  const together = roomAfter(
    ...BOTH_HERE,
    consent(PATIENT, 'given'),
    consent(PATIENT, 'withdrawn'),
    about('participant_admitted', PATIENT),
  );
  assert.deepEqual(
    notAgreed(together).map(({ id }) => id),
    [DOCTOR, PATIENT],
  );
});

test('a recording is on from its start to its stop, and says why it stopped', () => {
  const on = roomAfter(...BOTH_HERE, { kind: 'recording_started', recording: 'rec_1', by: DOCTOR });
  assert.equal(isRecording(on), true);
  const off = roomAfter(
    ...BOTH_HERE,
    { kind: 'recording_started', recording: 'rec_1', by: DOCTOR },
    { kind: 'recording_stopped', recording: 'rec_1', by: null, reason: 'consent_withdrawn' },
  );
  assert.equal(isRecording(off), false);
  assert.equal(off.recording?.stopReason, 'consent_withdrawn');
});

test('an event that was taken before changes nothing', () => {
  const room = roomAfter(...BOTH_HERE, message(PATIENT, 'hello'));
  assert.equal(reduceRoom(room, { seq: 6, at: NOON, ...message(PATIENT, 'hello') }), room);
  assert.equal(room.messages.length, 1);
});

test('what is withheld, or not known to this version, still takes its place in the order', () => {
  const room = roomAfter(...BOTH_HERE, { kind: 'withheld' }, { kind: 'a_later_invention', participant: PATIENT });
  assert.equal(room.seq, 7);
  assert.deepEqual(room.participants, roomAfter(...BOTH_HERE).participants);
});

test('unread are the messages of others beyond the own mark', () => {
  const room = roomAfter(
    ...BOTH_HERE,
    message(PATIENT, 'one'),
    message(DOCTOR, 'two'),
    { kind: 'messages_read', participant: PATIENT, up_to: 7 },
    message(DOCTOR, 'three'),
  );
  assert.deepEqual(
    unread(room, PATIENT).map(({ body }) => body.text),
    ['three'],
  );
  assert.deepEqual(
    unread(room, DOCTOR).map(({ body }) => body.text),
    ['one'],
  );
});

test('a mark of reading never goes back', () => {
  const room = roomAfter(
    ...BOTH_HERE,
    { kind: 'messages_read', participant: PATIENT, up_to: 5 },
    { kind: 'messages_read', participant: PATIENT, up_to: 3 },
  );
  assert.equal(room.reads[PATIENT], 5);
});

test('after the end nobody is in the call', () => {
  const room = roomAfter(...BOTH_HERE, about('participant_admitted', PATIENT), { kind: 'visit_finished', by: DOCTOR });
  assert.equal(room.finishedAt, NOON);
  assert.deepEqual(inCall(room), []);
});

test('reducing changes no earlier state', () => {
  const before = roomAfter(...BOTH_HERE);
  const kept = structuredClone(before);
  reduceRoom(before, { seq: 6, at: NOON, ...about('participant_admitted', PATIENT) });
  assert.deepEqual(before, kept);
});
