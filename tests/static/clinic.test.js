// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';

import {
  ageOn,
  departmentName,
  initials,
  localDay,
  nextConsultation,
  unfinishedNotes,
} from '../../static/state/clinic.js';

/** @param {string} id @param {string} status @param {string} scheduled_at @param {string} [note_state] */
const visit = (id, status, scheduled_at, note_state = 'none') =>
  /** @type {any} */ ({ id, status, scheduled_at, note_state });

test('age counts birthdays, not years', () => {
  assert.equal(ageOn('1980-06-15', new Date(2026, 5, 14)), 45);
  assert.equal(ageOn('1980-06-15', new Date(2026, 5, 15)), 46);
  assert.equal(ageOn('', new Date(2026, 0, 1)), null);
});

test('a visit under way comes before the next one planned, and nothing that is over is offered', () => {
  const visits = [
    visit('done', 'finished', '2026-03-01T08:00:00Z'),
    visit('soon', 'planned', '2026-03-02T08:00:00Z'),
    visit('now', 'in-progress', '2026-03-02T09:00:00Z'),
  ];
  assert.equal(nextConsultation(visits)?.id, 'now');
  assert.equal(nextConsultation(visits.slice(0, 2))?.id, 'soon');
  assert.equal(nextConsultation(visits.slice(0, 1)), null);
});

test('an unfinished note belongs to a finished visit and is not signed; the newest comes first', () => {
  const visits = [
    visit('a', 'finished', '2026-03-01T08:00:00Z', 'draft'),
    visit('b', 'finished', '2026-03-02T08:00:00Z', 'none'),
    visit('c', 'finished', '2026-03-02T08:00:00Z', 'signed'),
    visit('d', 'in-progress', '2026-03-02T08:00:00Z', 'draft'),
  ];
  assert.deepEqual(
    unfinishedNotes(visits).map((each) => each.id),
    ['b', 'a'],
  );
});

test('a department is named in the language of the reader, or as it can be', () => {
  const department = { id: 'dep_1', name_en: 'Cardiology', name_zh: '心内科' };
  assert.equal(departmentName(department, 'zh-CN'), '心内科');
  assert.equal(departmentName({ ...department, name_zh: '' }, 'zh-CN'), 'Cardiology');
  assert.equal(departmentName(null, 'en'), '');
});

test('initials suit Latin and Chinese names', () => {
  assert.deepEqual(['Dr. Anna Weber', '欧阳明', '李娜医生', 'Cher', ''].map(initials), ['AW', '阳明', '李娜', 'C', '']);
});

test("a day is the reader's own", () => {
  assert.equal(localDay(new Date(2026, 2, 2, 0, 30)), '2026-03-02');
});
