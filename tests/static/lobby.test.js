// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';

import {
  emptyLobby,
  linkQuality,
  readinessOf,
  reduceLobby,
  waitingCount,
  waitingPeople,
} from '../../static/state/lobby.js';

const NOON = '2026-03-02T12:00:00.000Z';

/** @param {Partial<import('../../static/state/lobby.js').WaitingPerson>} [over] */
const person = (over = {}) =>
  /** @type {import('../../static/state/lobby.js').WaitingPerson} */ ({
    participant: 'pat_1',
    name: 'Li Na',
    role: 'patient',
    since: NOON,
    connected: true,
    consent: 'none',
    ...over,
  });

/** @param {string} consultation @param {import('../../static/state/lobby.js').WaitingPerson[]} waiting */
const entry = (consultation, ...waiting) => ({
  consultation,
  status: 'arrived',
  waiting,
  in_call: [],
  recording: false,
});

const watching = reduceLobby(emptyLobby, { type: 'watched', consultations: [entry('con_1')] });

test('somebody who comes while the page is open is announced once', () => {
  const arrived = reduceLobby(watching, { type: 'changed', entry: entry('con_1', person()) });
  assert.deepEqual(
    arrived.arrivals.map((each) => each.person.name),
    ['Li Na'],
  );
  const again = reduceLobby(arrived, { type: 'changed', entry: entry('con_1', person({ consent: 'given' })) });
  assert.deepEqual(again.arrivals, []);
});

test('who was there when the page opened is shown and not rung for', () => {
  const opened = reduceLobby(emptyLobby, { type: 'watched', consultations: [entry('con_1', person())] });
  assert.deepEqual(opened.arrivals, []);
  assert.equal(waitingCount(opened), 1);
});

test('who came while the line was broken is rung for when it is back', () => {
  const lost = reduceLobby(watching, { type: 'lost' });
  assert.equal(lost.live, false);
  const back = reduceLobby(lost, { type: 'watched', consultations: [entry('con_1', person())] });
  assert.equal(back.live, true);
  assert.equal(back.arrivals.length, 1);
});

test('a flickering connection does not ring twice, leaving and coming back does', () => {
  let lobby = reduceLobby(watching, { type: 'changed', entry: entry('con_1', person()) });
  lobby = reduceLobby(lobby, { type: 'changed', entry: entry('con_1', person({ connected: false })) });
  lobby = reduceLobby(lobby, { type: 'changed', entry: entry('con_1', person()) });
  assert.deepEqual(lobby.arrivals, []);
  lobby = reduceLobby(lobby, { type: 'changed', entry: entry('con_1') });
  lobby = reduceLobby(lobby, { type: 'changed', entry: entry('con_1', person()) });
  assert.equal(lobby.arrivals.length, 1);
});

test('a seat without a connection does not ring and does not count', () => {
  const lobby = reduceLobby(watching, { type: 'changed', entry: entry('con_1', person({ connected: false })) });
  assert.deepEqual(lobby.arrivals, []);
  assert.equal(waitingCount(lobby), 0);
  assert.equal(waitingPeople(lobby).length, 1);
});

test('the longest waiting come first, the disconnected last, and the visit in hand can be left out', () => {
  const lobby = reduceLobby(emptyLobby, {
    type: 'watched',
    consultations: [
      entry('con_1', person({ participant: 'pat_1', since: '2026-03-02T12:05:00.000Z' })),
      entry(
        'con_2',
        person({ participant: 'pat_2', since: NOON, connected: false }),
        person({ participant: 'inv_3', since: '2026-03-02T12:01:00.000Z' }),
      ),
    ],
  });
  assert.deepEqual(
    waitingPeople(lobby).map((each) => each.person.participant),
    ['inv_3', 'pat_1', 'pat_2'],
  );
  assert.deepEqual(
    waitingPeople(lobby, { except: 'con_2' }).map((each) => each.person.participant),
    ['pat_1'],
  );
});

test('readiness says what is good, what is not, and what is not known yet', () => {
  const ready = person({
    readiness: { camera: 'ok', microphone: 'silent', speaker: 'ok', round_trip_ms: 320 },
    consent: 'given',
  });
  assert.deepEqual(
    readinessOf(ready).map(({ state, tone }) => [state, tone]),
    [
      ['ok', 'good'],
      ['silent', 'warning'],
      ['weak', 'warning'],
      ['given', 'good'],
    ],
  );
  assert.deepEqual(
    readinessOf(person({ connected: false })).map(({ state }) => state),
    ['unknown', 'unknown', 'gone', 'none'],
  );
});

test('a good connection that lets no media through is told as such, unless it is lost altogether', () => {
  const readiness = { camera: 'ok', microphone: 'ok', speaker: 'ok', round_trip_ms: 20, media: 'blocked' };
  const told = (connected) => readinessOf(person({ connected, readiness }))[2];
  assert.deepEqual(told(true), { what: 'connection', state: 'no_media', tone: 'danger' });
  assert.equal(told(false).state, 'gone');
});

test('a connection is good to 200 ms, weak to 500 ms, poor beyond', () => {
  assert.deepEqual([200, 201, 500, 501, null].map(linkQuality), ['good', 'weak', 'weak', 'poor', 'unknown']);
});

test('the state before an action is left as it was', () => {
  const before = JSON.stringify(watching.entries);
  reduceLobby(watching, { type: 'changed', entry: entry('con_1', person()) });
  assert.equal(JSON.stringify(watching.entries), before);
});
