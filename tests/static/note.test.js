// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';

import { applyTemplate, emptyNote, isBlank, isPending, reduceNote, retryDelay } from '../../static/state/note.js';

/** @param {object} [over] */
const note = (over = {}) => ({
  consultation: 'con_1',
  subjective: '',
  objective: '',
  assessment: '',
  plan: '',
  version: 0,
  addenda: [],
  ...over,
});
const loaded = reduceNote(emptyNote, { type: 'loaded', note: note() });
const typed = reduceNote(loaded, { type: 'typed', section: 'plan', text: 'Rest' });

test('typing is unsaved until the server has it', () => {
  assert.equal(loaded.phase, 'saved');
  assert.equal(typed.phase, 'unsaved');
  const saved = reduceNote(reduceNote(typed, { type: 'saving' }), {
    type: 'saved',
    note: note({ plan: 'Rest', version: 1 }),
  });
  assert.equal(saved.phase, 'saved');
  assert.equal(saved.note?.version, 1);
  assert.equal(isPending(saved), false);
});

test('what is typed while a save is on its way is kept and still unsaved', () => {
  const saving = reduceNote(typed, { type: 'saving' });
  const more = reduceNote(saving, { type: 'typed', section: 'plan', text: 'Rest and fluids' });
  assert.equal(more.phase, 'saving');
  const saved = reduceNote(more, { type: 'saved', note: note({ plan: 'Rest', version: 1 }) });
  assert.equal(saved.phase, 'unsaved');
  assert.equal(saved.draft.plan, 'Rest and fluids');
});

test('typing back to what is stored needs no save', () => {
  assert.equal(reduceNote(typed, { type: 'typed', section: 'plan', text: '' }).phase, 'saved');
});

test('a failed save keeps the words and counts the attempts', () => {
  const failed = reduceNote(reduceNote(typed, { type: 'saving' }), { type: 'failed' });
  assert.equal(failed.phase, 'failed');
  assert.equal(failed.draft.plan, 'Rest');
  assert.equal(failed.attempts, 1);
  assert.equal(isPending(failed), true);
});

test('a conflict offers both versions and mine goes on from the version of theirs', () => {
  const theirs = note({ plan: 'Surgery', version: 4 });
  const conflict = reduceNote(typed, { type: 'conflict', note: theirs });
  assert.equal(conflict.phase, 'conflict');
  const mine = reduceNote(conflict, { type: 'keep_mine' });
  assert.deepEqual([mine.phase, mine.draft.plan, mine.note?.version], ['unsaved', 'Rest', 4]);
  const taken = reduceNote(conflict, { type: 'take_theirs' });
  assert.deepEqual([taken.phase, taken.draft.plan, taken.note?.version], ['saved', 'Surgery', 4]);
});

test('a conflict with the same words is none', () => {
  const conflict = reduceNote(typed, { type: 'conflict', note: note({ plan: 'Rest', version: 2 }) });
  assert.equal(conflict.phase, 'saved');
});

test('loading again does not throw away what was typed', () => {
  assert.equal(reduceNote(typed, { type: 'loaded', note: note({ plan: 'Old' }) }).draft.plan, 'Rest');
});

test('a signed note takes no typing', () => {
  const signed = reduceNote(loaded, {
    type: 'settled',
    note: note({ version: 2, signed_at: '2026-03-02T12:00:00.000Z' }),
  });
  assert.equal(reduceNote(signed, { type: 'typed', section: 'plan', text: 'x' }), signed);
});

test('a template fills what is empty, goes under what is written, and is not put in twice', () => {
  const draft = { subjective: 'Cough.', objective: '', assessment: '', plan: '' };
  const once = applyTemplate(draft, { subjective: 'Onset:', plan: 'Follow-up in:' });
  assert.deepEqual(once, { subjective: 'Cough.\nOnset:', objective: '', assessment: '', plan: 'Follow-up in:' });
  assert.deepEqual(applyTemplate(once, { subjective: 'Onset:', plan: 'Follow-up in:' }), once);
});

test('retries come after 2, 4, 8 seconds and never later than 30', () => {
  assert.deepEqual([1, 2, 3, 9].map(retryDelay), [2000, 4000, 8000, 30_000]);
});

test('white space alone is a blank note', () => {
  assert.equal(isBlank({ subjective: ' \n', objective: '', assessment: '', plan: '' }), true);
});
