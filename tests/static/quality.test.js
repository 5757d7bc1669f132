import assert from 'node:assert/strict';
import test from 'node:test';
import { lineOfScore, qualityOf } from '../../static/state/quality.js';

const PEOPLE = [
  { participant: 'usr_doctor', name: 'Dr Berg' },
  { participant: 'pat_ada', name: 'Ada' },
  { participant: 'inv_guest', name: 'Li Na' },
];
const minute = (participant, score) => ({ participant, score, started_at: '2026-11-25T12:00:00Z' });

test('a score of one to five has one of three words', () => {
  assert.deepEqual([1, 2, 3, 4, 5].map(lineOfScore), ['weak', 'weak', 'fair', 'good', 'good']);
});

test('everybody with minutes has a verdict, which one bad minute does not spoil', () => {
  const minutes = [5, 5, 1, 4, 5].flatMap((score) => [minute('pat_ada', score), minute('usr_doctor', 2)]);
  const found = qualityOf(PEOPLE, minutes);
  assert.deepEqual(
    found.map(({ name, verdict, disturbed }) => [name, verdict, disturbed]),
    [
      ['Dr Berg', 'weak', 5],
      ['Ada', 'good', 1],
    ],
  );
  assert.equal(found[1].minutes.length, 5);
});
