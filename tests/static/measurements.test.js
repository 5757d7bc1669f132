// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';

import { chartsOf, draw, position, ticks, unitText } from '../../static/state/measurements.js';

/** @param {string} code @param {number} value @param {string} at @param {object} [over] */
const observation = (code, value, at, over = {}) => ({
  id: at + code,
  code,
  text: code,
  value,
  unit: 'mm[Hg]',
  at,
  ...over,
});
const FRAME = { width: 320, height: 140, left: 40, right: 10, top: 10, bottom: 20 };

test('systolic and diastolic pressure share a chart, systolic first', () => {
  const charts = chartsOf([
    observation('8462-4', 80, '2026-01-01T08:00:00Z'),
    observation('8480-6', 130, '2026-01-01T08:00:00Z'),
    observation('4548-4', 6.5, '2026-02-01T08:00:00Z', { unit: '%' }),
  ]);
  assert.deepEqual(
    charts.map((chart) => chart.key),
    ['4548-4', 'blood-pressure'],
  );
  assert.deepEqual(
    charts[1].series.map((series) => series.code),
    ['8480-6', '8462-4'],
  );
});

test('points are in order of time whatever order they came in', () => {
  const [chart] = chartsOf([observation('1', 2, '2026-02-01T00:00:00Z'), observation('1', 1, '2026-01-01T00:00:00Z')]);
  assert.deepEqual(
    chart.series[0].points.map((point) => point.value),
    [1, 2],
  );
});

test('axes have round numbers that cover every value', () => {
  assert.deepEqual(ticks(62, 148), [50, 75, 100, 125, 150]);
  assert.deepEqual(ticks(5.9, 7.4), [5.5, 6, 6.5, 7, 7.5]);
  const flat = ticks(5, 5);
  assert.ok(flat[0] <= 5 && flat[flat.length - 1] >= 5 && flat.length > 1);
});

test('every point lies inside the frame and the band is the reference range', () => {
  const [chart] = chartsOf([
    observation('1', 150, '2026-01-01T00:00:00Z', { low: 90, high: 140 }),
    observation('1', 120, '2026-03-01T00:00:00Z', { low: 90, high: 140 }),
  ]);
  const [line] = draw(chart, FRAME).lines;
  for (const dot of line.dots) {
    assert.ok(dot.x >= 40 && dot.x <= 310 && dot.y >= 10 && dot.y <= 120, JSON.stringify(dot));
  }
  assert.deepEqual(
    line.dots.map((dot) => dot.state),
    ['high', 'within'],
  );
  assert.ok(line.band && line.band.height > 0);
});

test('one measurement alone stands in the middle', () => {
  const [chart] = chartsOf([observation('1', 36.6, '2026-01-01T00:00:00Z')]);
  const [line] = draw(chart, FRAME).lines;
  assert.equal(line.dots[0].x, 175);
  assert.equal(line.band, null);
});

test('a value on the border of the range is within it', () => {
  assert.deepEqual(
    [90, 89.9, 140.1].map((value) => position(value, { low: 90, high: 140 })),
    ['within', 'low', 'high'],
  );
  assert.equal(position(1, { low: null, high: null }), 'unknown');
});

test('what cannot be read as a measurement is left out', () => {
  assert.deepEqual(chartsOf([observation('1', NaN, '2026-01-01T00:00:00Z'), observation('1', 1, 'yesterday')]), []);
});

test('units are written for readers', () => {
  assert.deepEqual(['mm[Hg]', 'Cel', 'm[IU]/L', 'furlong'].map(unitText), ['mmHg', '°C', 'mIU/L', 'furlong']);
});
