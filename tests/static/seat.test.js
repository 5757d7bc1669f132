import assert from 'node:assert/strict';
import test from 'node:test';
import { Session, SessionError } from '../../static/net/seat.js';

const VISIT = 'con_visit';
const event = (seq) => ({ seq, at: '2026-11-25T12:00:00.000Z', kind: 'participant_connected', participant: 'pat_1' });
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A Socket.IO client socket whose server is the `answers` table: event -> function of the payload. */
class FakeSocket {
  constructor(options, answers) {
    Object.assign(this, { options, answers, connected: false, active: true, sent: [], listeners: {} });
  }

  on(name, listener) {
    this.listeners[name] = listener;
  }

  connect() {
    return this;
  }

  disconnect() {
    this.drop();
    return this;
  }

  timeout() {
    return this;
  }

  async emitWithAck(name, payload) {
    this.sent.push([name, payload]);
    const answer = this.answers[name]?.(payload);
    if (answer === undefined) throw new Error('timeout');
    return answer;
  }

  // What the network does
  rise() {
    this.connected = true;
    this.listeners.connect();
  }

  drop() {
    this.connected = false;
    this.listeners.disconnect?.('transport close');
  }

  tell(name, data) {
    this.listeners[name](data);
  }
}

function start(answers) {
  let socket;
  const session = new Session({
    token: async () => 'token',
    connect: (options) => {
      socket = new FakeSocket(options, answers);
      return socket;
    },
  });
  const seen = [];
  session.on('events', (events) => seen.push(...events.map(({ seq }) => seq)));
  return { session, seen, socket: () => socket };
}

/** A room of `log.length` events. */
const roomOf = (log) => ({
  room_enter: ({ since }) => ({
    ok: true,
    connection: 'cnx_1',
    you: {},
    room: {},
    events: log.filter(({ seq }) => seq > since),
    last_seq: log.length,
  }),
  room_resume: ({ since }) => ({ ok: true, events: log.filter(({ seq }) => seq > since), last_seq: log.length }),
  room_leave: () => ({ ok: true }),
});

test('entering brings all events in order', async () => {
  const { session, seen, socket } = start(roomOf([event(1), event(2)]));
  session.enter(VISIT);
  socket().rise();
  await settled();
  assert.deepEqual(seen, [1, 2]);
});

test('a lost connection is followed by a new entry with the cursor, and nothing comes twice', async () => {
  const log = [event(1), event(2)];
  const { session, seen, socket } = start(roomOf(log));
  session.enter(VISIT);
  socket().rise();
  await settled();
  socket().drop();
  log.push(event(3));
  socket().rise();
  await settled();
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(socket().sent.at(-1), ['room_enter', { consultation: VISIT, since: 2, connection: 'cnx_1' }]);
});

test('a seat that is taken on purpose is taken as a new connection', async () => {
  const { session, socket } = start(roomOf([event(1)]));
  session.enter(VISIT);
  socket().rise();
  await settled();
  session.enter(VISIT, 1);
  await settled();
  assert.deepEqual(socket().sent.at(-1), ['room_enter', { consultation: VISIT, since: 1 }]);
});

test('an event ahead of its turn waits while what is missing is asked for', async () => {
  const log = [event(1)];
  const { session, seen, socket } = start(roomOf(log));
  session.enter(VISIT);
  socket().rise();
  await settled();
  log.push(event(2), event(3));
  socket().tell('room_event', event(3));
  assert.deepEqual(seen, [1]);
  await settled();
  assert.deepEqual(seen, [1, 2, 3]);
});

test('an event that came twice is handed on once', async () => {
  const { session, seen, socket } = start(roomOf([event(1)]));
  session.enter(VISIT);
  socket().rise();
  await settled();
  socket().tell('room_event', event(1));
  assert.deepEqual(seen, [1]);
});

test('a long past comes in portions', async () => {
  const log = Array.from({ length: 50 }, (_, index) => event(index + 1));
  const answers = roomOf(log);
  const portion = (answer) => ({ ...answer, events: answer.events.slice(0, 20) });
  const { session, seen, socket } = start({
    ...answers,
    room_enter: (payload) => portion(answers.room_enter(payload)),
    room_resume: (payload) => portion(answers.room_resume(payload)),
  });
  session.enter(VISIT);
  socket().rise();
  await settled();
  assert.deepEqual(
    seen,
    log.map(({ seq }) => seq),
  );
});

test('a seat that another tab took is not taken back by a reconnect', async () => {
  const { session, socket } = start(roomOf([event(1)]));
  let taken = 0;
  session.on('seat_taken', () => {
    taken += 1;
  });
  session.enter(VISIT);
  socket().rise();
  await settled();
  socket().tell('seat_taken', {});
  socket().drop();
  socket().rise();
  await settled();
  assert.equal(taken, 1);
  assert.equal(socket().sent.filter(([name]) => name === 'room_enter').length, 1);
});

test('a refused entry is told once, with the code, and not repeated', async () => {
  const { session, socket } = start({ room_enter: () => ({ ok: false, error: { code: 'not_found', message: 'no' } }) });
  const codes = [];
  session.on('entry_failed', (error) => codes.push(error.code));
  session.enter(VISIT);
  socket().rise();
  await settled();
  socket().drop();
  socket().rise();
  await settled();
  assert.deepEqual(codes, ['not_found']);
});

test('a request without an answer fails as offline, a refused one with its code', async () => {
  const { session, socket } = start({
    recording_start: () => ({ ok: false, error: { code: 'room.consent_missing' } }),
  });
  session.open();
  await assert.rejects(session.request('visit_finish'), { code: 'offline' });
  socket().rise();
  await assert.rejects(
    session.request('visit_finish'),
    (error) => error instanceof SessionError && error.code === 'offline',
  );
  await assert.rejects(session.request('recording_start'), { code: 'room.consent_missing' });
});

test('leaving gives the seat up and a reconnect does not enter again', async () => {
  const { session, socket } = start(roomOf([event(1)]));
  session.enter(VISIT);
  socket().rise();
  await settled();
  await session.leave();
  socket().drop();
  socket().rise();
  await settled();
  assert.deepEqual(
    socket().sent.map(([name]) => name),
    ['room_enter', 'room_leave'],
  );
});

test('the status tells first connecting, then reconnecting', async () => {
  const { session, socket } = start(roomOf([]));
  const statuses = [];
  session.on('status', (status) => statuses.push(status));
  session.open();
  socket().rise();
  socket().drop();
  socket().rise();
  socket().tell('server_draining', {});
  assert.deepEqual(statuses, ['connecting', 'connected', 'reconnecting', 'connected', 'draining']);
});

test('while the network is away quick attempts come first, then fewer and longer ones', () => {
  const limits = [];
  let attempt;
  const io = { on: (_name, listener) => (attempt = listener), timeout: (limit) => limits.push(limit) };
  const session = new Session({
    token: async () => 'token',
    connect: (options) => Object.assign(new FakeSocket(options, {}), { io }),
  });
  session.open();
  for (let number = 1; number <= 8; number += 1) attempt(number);
  assert.deepEqual(limits, [2000, 2000, 2000, 2000, 7000, 7000, 7000, 7000]);
  assert.ok(session._socket.options.reconnectionDelayMax <= 1000);
});

test('another network is told, and the socket is tried', async () => {
  const { session, socket } = start({ room_resume: () => undefined });
  session.open();
  socket().rise();
  session._seated = true;
  let told = 0;
  session.on('network_changed', () => (told += 1));
  session.networkChanged();
  await settled();
  assert.equal(told, 1);
  assert.deepEqual(socket().sent, [['room_resume', { since: 0 }]]);
  assert.equal(socket().connected, false); // nobody answered: it connects anew
});
