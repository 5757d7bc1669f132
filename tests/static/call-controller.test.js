import assert from 'node:assert/strict';
import test from 'node:test';
import { Emitter } from '../../static/net/emitter.js';
import { CallController } from '../../static/state/call-controller.js';

const [DOCTOR, ME] = ['usr_doctor', 'pat_me'];
const NOON = '2026-11-25T12:00:00.000Z';
const settled = () => new Promise((resolve) => setImmediate(resolve));

class FakeSession extends Emitter {
  constructor() {
    super();
    Object.assign(this, { status: 'connected', sent: [], refuse: {} });
  }

  enter(consultation, since) {
    this.sent.push(['enter', { consultation, since }]);
  }

  async leave() {
    this.sent.push(['leave', {}]);
  }

  async hurry() {
    this.sent.push(['hurry', {}]);
  }

  async request(event, payload) {
    this.sent.push([event, payload]);
    if (this.refuse[event]) throw Object.assign(new Error(event), { code: this.refuse[event] });
    return { ok: true };
  }

  said(event) {
    return this.sent.filter(([name]) => name === event).map(([, payload]) => payload);
  }
}

class FakeLocal extends Emitter {
  constructor() {
    super();
    this.tracks = { microphone: { kind: 'audio' }, camera: { kind: 'video' }, screen: null };
    this.muted = { microphone: false, camera: false };
    this.state = {
      access: { microphone: 'open', camera: 'open' },
      interruption: { microphone: 'none', camera: 'none' },
      found: {},
      chosen: {},
    };
  }

  async setMicrophone(on) {
    this.muted = { ...this.muted, microphone: !on };
    this.emit('changed');
  }

  async setCamera(on) {
    this.tracks.camera = on ? { kind: 'video' } : null;
    this.muted = { ...this.muted, camera: !on };
    this.state.access.camera = on ? 'open' : 'off';
    this.emit('changed');
  }

  async shareScreen() {
    this.tracks.screen = { kind: 'video' };
    this.emit('changed');
    return true;
  }

  stopScreen() {
    this.tracks.screen = null;
    this.emit('changed');
  }
}

class FakeMedia extends Emitter {
  constructor() {
    super();
    Object.assign(this, { status: 'closed', started: 0, sending: {}, stats: { frozen: new Set() } });
  }

  async start() {
    this.started += 1;
    this.status = 'connecting';
  }

  stop() {
    this.status = 'closed';
  }

  async publish(source, track) {
    this.sending[source] = track;
  }

  offered(offer) {
    this.offer = offer;
  }

  told(state) {
    this.heard = state;
  }

  restart() {
    this.restarted = true;
  }

  async resume() {
    this.resumed = true;
    return this.status !== 'closed';
  }
}

function start(parts = {}) {
  const session = new FakeSession();
  const local = new FakeLocal();
  const media = new FakeMedia();
  let ids = 0;
  const call = new CallController({
    consultation: 'con_1',
    session,
    local,
    connect: (signal) => Object.assign(media, { signal }),
    takeStill: async (camera) => `/9j/of-${camera.kind}`,
    api: {},
    consentShown: () => ({ version: '2', language: 'en' }),
    newId: () => `message-${(ids += 1)}`,
    now: () => new Date(NOON),
    ...parts,
  });
  let seq = 0;
  const happen = (...facts) =>
    session.emit(
      'events',
      facts.map((fact) => ({ seq: (seq += 1), at: NOON, ...fact })),
    );
  const entered = (more = {}) =>
    session.emit('entered', {
      you: { participant: ME, role: 'patient', name: 'Ada' },
      room: { id: 'con_1' },
      events: [],
      last_seq: seq,
      keeps_media: false,
      ...more,
    });
  const notices = [];
  call.onNotice(({ kind }) => notices.push(kind));
  return { call, session, local, media, happen, entered, notices };
}

const arrived = (participant, role) => ({
  kind: 'participant_arrived',
  participant,
  role,
  name: participant,
  language: 'en',
});
const connected = (participant) => ({ kind: 'participant_connected', participant });
const ADMITTED = { kind: 'participant_admitted', participant: ME, by: DOCTOR };
const PAST = [
  { kind: 'room_opened', clinician: DOCTOR },
  arrived(DOCTOR, 'clinician'),
  arrived(ME, 'patient'),
  connected(ME),
];

test('an offer of the device check’s probe is not for the call', (context) => {
  const { call, session, media } = start();
  context.after(() => call.end());
  call.enter();
  session.emit('media_offer', { generation: 1, probe: true });
  assert.equal(media.offer, undefined);
  session.emit('media_offer', { generation: 1 });
  assert.deepEqual(media.offer, { generation: 1 });
});

test('before admission one waits, and nothing is sent', (context) => {
  const { call, happen, entered, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  assert.equal(call.phase, 'waiting');
  assert.equal(media.started, 0);
  assert.deepEqual(session.said('track_publish'), []);
});

test('admission starts the media and tells what is sent, with a notice', (context) => {
  const { call, happen, entered, media, session, notices } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  happen(ADMITTED);
  assert.equal(call.phase, 'call');
  assert.equal(media.started, 1);
  assert.deepEqual(session.said('track_publish'), [
    { source: 'microphone', muted: false },
    { source: 'camera', muted: false },
  ]);
  assert.deepEqual(notices, ['admitted']);
});

test('the past is no news', (context) => {
  const { call, happen, entered, notices } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED, {
    kind: 'message_posted',
    author: DOCTOR,
    client_message_id: 'x',
    body: { text: 'Hello' },
  });
  entered();
  assert.deepEqual(notices, []);
  assert.equal(call.unread, 1);
});

test('after every new entry media begins anew and tracks are told again', (context) => {
  const { call, happen, entered, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  session.emit('status', 'reconnecting');
  assert.equal(call.link, 'reconnecting');
  session.emit('status', 'connected');
  entered();
  assert.equal(media.started, 2);
  assert.equal(session.said('track_publish').length, 4);
});

test('media that went on without the socket is kept, and what changed meanwhile is told', (context) => {
  const { call, happen, entered, local, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  const published = (source) => ({ kind: 'track_published', participant: ME, source, muted: false });
  happen(published('microphone'), published('camera'), published('screen'));
  session.emit('status', 'reconnecting');
  local.muted = { ...local.muted, microphone: true };
  local.emit('changed');
  const before = session.sent.length;
  session.emit('status', 'connected');
  entered({ keeps_media: true });
  assert.ok(media.resumed);
  assert.equal(media.started, 1);
  const told = session.sent.slice(before).filter(([name]) => name.startsWith('track_'));
  assert.deepEqual(told, [
    ['track_mute', { source: 'microphone', muted: true }],
    ['track_unpublish', { source: 'screen' }],
  ]);
});

test('media that the server kept and this page could not begins anew', async (context) => {
  const { call, happen, entered, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  media.status = 'closed';
  session.emit('status', 'connected');
  entered({ keeps_media: true });
  await settled();
  assert.equal(media.started, 2);
});

test('coming back asks only for what is new', async (context) => {
  const { call, happen, entered, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  await call.leave();
  assert.equal(call.phase, 'left');
  call.enter();
  assert.deepEqual(
    session.said('enter').map(({ since }) => since),
    [0, 4],
  );
});

test('muting is told as muting, a camera that is off as muted too, a shared screen as a track of its own', async (context) => {
  const { call, happen, entered, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  await call.setMicrophone(false);
  await call.setCamera(false);
  assert.equal(media.sending.camera, null);
  assert.deepEqual(session.said('track_mute'), [
    { source: 'microphone', muted: true },
    { source: 'camera', muted: true },
  ]);
  await call.shareScreen();
  assert.deepEqual(session.said('track_publish').at(-1), { source: 'screen', muted: false });
  call.stopScreen();
  assert.deepEqual(session.said('track_unpublish'), [{ source: 'screen' }]);
});

test('a microphone that the system holds for a phone call is told as muted, and back when it is', (context) => {
  const { call, happen, entered, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  for (const microphone of ['muted', 'none']) {
    call.local.state.interruption = { microphone, camera: 'none' };
    call.local.emit('changed');
  }
  assert.deepEqual(session.said('track_mute'), [
    { source: 'microphone', muted: true },
    { source: 'microphone', muted: false },
  ]);
});

test('on hold the media stops, and one waits again', (context) => {
  const { call, happen, entered, media, notices } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  happen({ kind: 'participant_held', participant: ME, by: DOCTOR });
  assert.equal(call.phase, 'waiting');
  assert.equal(media.status, 'closed');
  assert.deepEqual(notices, ['held']);
});

test('what was settled beforehand is told once, after the first entry', (context) => {
  const prepared = { readiness: { camera: 'ok' }, consent: { decision: 'given', version: '2', language: 'en' } };
  const { call, happen, entered, session } = start({ prepared });
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  entered();
  assert.deepEqual(session.said('readiness_report'), [prepared.readiness]);
  assert.deepEqual(session.said('consent_set'), [prepared.consent]);
});

test('a consent answers the words that are shown', async (context) => {
  const { call, session } = start();
  context.after(() => call.end());
  await call.setConsent('withdrawn');
  assert.deepEqual(session.said('consent_set'), [{ decision: 'withdrawn', version: '2', language: 'en' }]);
});

test('a message that found no line is sent again after the next entry, with its id', async (context) => {
  const { call, happen, entered, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  session.refuse.chat_send = 'offline';
  await call.send('hello');
  assert.equal(call.entries.at(-1).state, 'sending');
  delete session.refuse.chat_send;
  entered();
  await settled();
  assert.deepEqual(
    session.said('chat_send').map(({ id }) => id),
    ['message-1', 'message-1'],
  );
});

test('a refused message is shown as failed, and a retry keeps its id', async (context) => {
  const { call, happen, entered, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  session.refuse.chat_send = 'invalid';
  await call.send('hello');
  assert.deepEqual([call.entries[0].state, call.entries[0].errorCode], ['failed', 'invalid']);
  delete session.refuse.chat_send;
  await call.retry('message-1');
  happen({
    kind: 'message_posted',
    author: ME,
    client_message_id: 'message-1',
    body: { scheme: 'server', text: 'hello' },
  });
  assert.deepEqual(
    call.entries.map(({ state }) => state),
    ['sent'],
  );
});

test('a message that came too fast is sent again by itself, and is shown as failed in the end', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { call, happen, entered, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  session.refuse.chat_send = 'rate_limited';
  await call.send('hello');
  for (const ms of [1000, 2000, 4000]) {
    assert.equal(call.entries[0].state, 'sending');
    context.mock.timers.tick(ms);
    await settled();
  }
  assert.equal(call.entries[0].state, 'sending');
  context.mock.timers.tick(8000);
  await settled();
  assert.deepEqual([call.entries[0].state, call.entries[0].errorCode], ['failed', 'rate_limited']);
  assert.deepEqual(
    session.said('chat_send').map(({ id }) => id),
    Array(5).fill('message-1'),
  );
});

test('a message that waits to be sent again is not sent into the next consultation', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { call, happen, entered, session } = start();
  call.enter();
  happen(...PAST);
  entered();
  session.refuse.chat_send = 'rate_limited';
  await call.send('hello');
  call.end();
  delete session.refuse.chat_send;
  context.mock.timers.tick(60_000);
  await settled();
  assert.equal(session.said('chat_send').length, 1);
});

test('reading is told once for all that is there', (context) => {
  const { call, happen, entered, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST);
  entered();
  happen({ kind: 'message_posted', author: DOCTOR, client_message_id: 'x', body: { text: 'Hello' } });
  assert.equal(call.unread, 1);
  call.markRead();
  call.markRead();
  assert.deepEqual(session.said('chat_read'), [{ up_to: 5 }]);
  assert.equal(call.unread, 0);
});

test('typing is told at most every two seconds', (context) => {
  const { call, session } = start();
  context.after(() => call.end());
  call.typing();
  call.typing();
  assert.equal(session.said('chat_typing').length, 1);
});

test('a seat taken elsewhere ends the media here', (context) => {
  const { call, happen, entered, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  session.emit('seat_taken');
  assert.deepEqual([call.phase, media.status], ['seat_taken', 'closed']);
});

test('the end of the visit, a dismissal and a refusal are told apart', (context) => {
  for (const [fact, phase] of [
    [{ kind: 'visit_finished', by: DOCTOR }, 'finished'],
    [{ kind: 'participant_removed', participant: ME }, 'removed'],
  ]) {
    const { call, happen, entered } = start();
    context.after(() => call.end());
    call.enter();
    happen(...PAST, ADMITTED);
    entered();
    happen(fact);
    assert.equal(call.phase, phase);
  }
  const { call, session } = start();
  context.after(() => call.end());
  call.enter();
  session.emit('entry_failed', Object.assign(new Error('no'), { code: 'not_found' }));
  assert.deepEqual([call.phase, call.error?.code], ['refused', 'not_found']);
});

test('only what the server says of my own media moves it', (context) => {
  const { call, happen, entered, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  session.emit('media_state', { participant: DOCTOR, state: 'gone' });
  assert.equal(media.heard, undefined);
  session.emit('media_state', { participant: ME, state: 'silent' });
  assert.equal(media.heard, 'silent');
});

test('whoever is cut off is told so until their media begins again, which they may ask for', (context) => {
  const { call, happen, entered, media, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  session.emit('media_state', { participant: DOCTOR, state: 'cut_off' });
  assert.equal(call.cutOff, false);
  session.emit('media_state', { participant: ME, state: 'cut_off' });
  assert.equal(call.cutOff, true);
  assert.equal(media.heard, 'cut_off');
  const begun = media.started;
  call.tryMediaAgain();
  assert.equal(media.started, begun + 1);
  assert.equal(call.cutOff, true, 'until the server takes it');
  session.emit('media_state', { participant: ME, state: 'connecting' });
  assert.equal(call.cutOff, false);
});

test('whoever the server hears nothing from is shown as away until it hears them again', (context) => {
  const { call, entered, session } = start();
  context.after(() => call.end());
  session.emit('media_state', { participant: DOCTOR, state: 'silent' });
  assert.deepEqual([...call.silent], [DOCTOR]);
  session.emit('media_state', { participant: DOCTOR, state: 'connected' });
  assert.deepEqual([...call.silent], []);
  session.emit('media_state', { participant: DOCTOR, state: 'silent' });
  entered();
  assert.deepEqual([...call.silent], []);
});

test('another network means new credentials, and asking for them tries the socket too', async (context) => {
  const { call, media, session } = start();
  context.after(() => call.end());
  session.emit('network_changed');
  assert.ok(media.restarted);
  await media.signal.restart();
  assert.deepEqual(
    session.sent.map(([event]) => event),
    ['hurry', 'media_restart'],
  );
});

test('where a connection carries a still picture only, the camera is shown at once, then every quarter of a minute', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] });
  const { call, happen, entered, local, session } = start();
  context.after(() => call.end());
  call.enter();
  happen(...PAST, ADMITTED);
  entered();
  context.mock.timers.tick(15_000);
  await settled();
  assert.equal(session.said('still_send').length, 0);
  const weak = { participant: DOCTOR, receives: 'still_picture', sends: 'high_video' };
  happen(connected(DOCTOR), { kind: 'connection_rung_changed', ...weak });
  await settled();
  assert.equal(session.said('still_send').length, 1); // at once
  context.mock.timers.tick(30_000);
  await settled();
  assert.deepEqual(session.said('still_send'), Array(3).fill({ picture: { scheme: 'server', jpeg: '/9j/of-video' } }));
  local.muted = { ...local.muted, camera: true };
  context.mock.timers.tick(15_000);
  await settled();
  assert.equal(session.said('still_send').length, 3);
});

test('a still of somebody is kept with its time', (context) => {
  const { call, session } = start();
  context.after(() => call.end());
  session.emit('still_picture', { participant: DOCTOR, picture: { scheme: 'server', jpeg: '/9j/1' } });
  assert.equal(call.stills[DOCTOR].jpeg, '/9j/1');
  assert.ok(call.stills[DOCTOR].taken instanceof Date);
});
