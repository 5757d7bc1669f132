// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';

import { gapsOf, lanesOf, latestConsents, lineAt, offsetAt, transcriptOf } from '../../static/state/playback.js';

const SPANS = [
  { started_at: '2026-03-02T12:00:00.000Z', stopped_at: '2026-03-02T12:01:00.000Z', offset_ms: 0 },
  { started_at: '2026-03-02T12:05:00.000Z', stopped_at: '2026-03-02T12:06:00.000Z', offset_ms: 60_000 },
];
/** @param {string} clock */
const at = (clock) => Date.parse(`2026-03-02T12:${clock}.000Z`);

test('an instant falls where it was recorded, a pause falls on the next beginning', () => {
  assert.equal(offsetAt(SPANS, at('00:30')), 30_000);
  assert.equal(offsetAt(SPANS, at('03:00')), 60_000);
  assert.equal(offsetAt(SPANS, at('05:10')), 70_000);
});

test('before the recording there is no place, after it there is its end', () => {
  assert.equal(offsetAt(SPANS, Date.parse('2026-03-02T11:59:00.000Z')), null);
  assert.equal(offsetAt(SPANS, at('09:00')), 120_000);
  assert.equal(offsetAt([], at('00:00')), null);
});

const segment = (/** @type {object} */ over) => ({
  participant: 'pat_1',
  source: 'camera',
  duration_ms: 10_000,
  ...over,
});
/** @param {object} over @returns {import('../../static/state/playback.js').Recording} */
const recording = (over) => ({
  id: 'rec_1',
  state: 'ready',
  duration_ms: 120_000,
  size_bytes: 1,
  sha256: '',
  progress: 100,
  spans: SPANS,
  segments: [],
  gaps: [],
  ...over,
});

test('each recorded track has one lane, voices above pictures, people in the order of the record', () => {
  const lanes = lanesOf({
    participants: [
      { participant: 'usr_1', name: 'Dr Chen', role: 'clinician' },
      { participant: 'pat_1', name: 'Li Na', role: 'patient' },
    ],
    recording: recording({
      segments: [
        segment({ offset_ms: 0 }),
        segment({ source: 'microphone', offset_ms: 0 }),
        segment({ participant: 'usr_1', offset_ms: 2000 }),
        segment({ started_at: '2026-03-02T12:05:00.000Z' }),
      ],
      speech: [
        { participant: 'pat_1', from_ms: 1000, to_ms: 3000 },
        { participant: 'usr_1', from_ms: 3000, to_ms: 4000 }, // whose voice was not recorded
      ],
    }),
  });
  assert.deepEqual(
    lanes.map((lane) => lane.speech),
    [[], [{ from: 1000, to: 3000 }], []],
  );
  assert.deepEqual(
    lanes.map((lane) => `${lane.name} ${lane.source}`),
    ['Dr Chen camera', 'Li Na microphone', 'Li Na camera'],
  );
  assert.deepEqual(lanes[2].bars, [
    { from: 0, to: 10_000 },
    { from: 60_000, to: 70_000 },
  ]);
});

test('a gap is told with whose it is and why', () => {
  const gap = { participant: 'pat_1', source: 'camera', offset_ms: 4000, at: '', duration_ms: 500, reason: 'loss' };
  assert.deepEqual(gapsOf(recording({ gaps: [gap, { ...gap, offset_ms: null, at: '2020-01-01T00:00:00Z' }] })), [
    { from: 4000, to: 4500, participant: 'pat_1', source: 'camera', reason: 'loss' },
  ]);
});

test('the transcript is messages and events in the order they happened, without the noise', () => {
  const lines = transcriptOf({
    participants: [{ participant: 'pat_1', name: 'Li Na', role: 'patient' }],
    messages: [
      {
        seq: 5,
        at: '2026-03-02T12:00:20.000Z',
        offset_ms: 20_000,
        author: 'pat_1',
        author_name: 'Li Na',
        text: 'Hello',
        attachments: [],
      },
    ],
    timeline: [
      { offset_ms: 30_000, at: '2026-03-02T12:00:30.000Z', kind: 'visit_finished' },
      { offset_ms: null, at: '2026-03-02T11:59:00.000Z', kind: 'participant_admitted', participant: 'pat_1' },
      { offset_ms: 10_000, at: '2026-03-02T12:00:10.000Z', kind: 'readiness_reported' },
      { offset_ms: 11_000, at: '2026-03-02T12:00:11.000Z', kind: 'track_published', source: 'camera' },
      { offset_ms: 12_000, at: '2026-03-02T12:00:12.000Z', kind: 'track_published', source: 'screen' },
    ],
  });
  assert.deepEqual(
    lines.map((line) => (line.type === 'message' ? 'message' : line.event.kind)),
    ['participant_admitted', 'track_published', 'message', 'visit_finished'],
  );
  assert.equal(lines[0].type === 'event' && lines[0].event.role, 'patient');
});

test('the line that is on is the last one that has begun; what lies before the recording is passed over', () => {
  const lines = [{ offset: null }, { offset: 0 }, { offset: 5000 }, { offset: 9000 }];
  assert.deepEqual(
    [0, 4999, 5000, 99_000].map((position) => lineAt(lines, position)),
    [1, 1, 2, 3],
  );
  assert.equal(lineAt([{ offset: 5 }], 1), -1);
});

test("everybody's newest answer counts", () => {
  const consent = (/** @type {string} */ participant, /** @type {string} */ decision) => ({
    participant,
    decision,
    name: '',
    version: '1',
    language: 'en',
    at: '',
    text: '',
  });
  const latest = latestConsents([consent('pat_1', 'given'), consent('usr_1', 'given'), consent('pat_1', 'withdrawn')]);
  assert.deepEqual(
    latest.map((each) => each.decision),
    ['withdrawn', 'given'],
  );
});
