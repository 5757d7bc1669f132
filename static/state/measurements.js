// @ts-check
/**
 * Measurements as series ready to be drawn: grouping by code, axes with round numbers, points in pixels.
 */

/** @typedef {import('./clinic.js').Observation} Observation */
/** @typedef {{ at: number, value: number }} Point */
/** @typedef {{ code: string, text: string, unit: string, points: Point[], low: number | null, high: number | null }} Series */
/** @typedef {{ key: string, unit: string, series: Series[], latest: number }} Chart */

/** Codes that belong on one chart: systolic and diastolic pressure are read together. */
const TOGETHER = new Map([
  ['8480-6', 'blood-pressure'],
  ['8462-4', 'blood-pressure'],
]);

/**
 * One chart for each code (blood pressure: one for both), the most recently measured first.
 * @param {readonly Observation[]} observations
 * @returns {Chart[]}
 */
export function chartsOf(observations) {
  /** @type {Map<string, Series>} */
  const byCode = new Map();
  for (const each of observations) {
    const at = Date.parse(each.at);
    if (!Number.isFinite(at) || !Number.isFinite(each.value)) continue;
    const code = each.code || each.text;
    const series = byCode.get(code) ?? { code, text: each.text, unit: each.unit, points: [], low: null, high: null };
    series.points.push({ at, value: each.value });
    series.low = each.low ?? series.low;
    series.high = each.high ?? series.high;
    byCode.set(code, series);
  }
  /** @type {Map<string, Chart>} */
  const charts = new Map();
  for (const series of byCode.values()) {
    series.points.sort((a, b) => a.at - b.at);
    const key = TOGETHER.get(series.code) ?? series.code;
    const chart = charts.get(key) ?? { key, unit: series.unit, series: [], latest: 0 };
    chart.series.push(series);
    chart.latest = Math.max(chart.latest, series.points[series.points.length - 1].at);
    charts.set(key, chart);
  }
  for (const chart of charts.values()) {
    chart.series.sort((a, b) => last(b).value - last(a).value);
  }
  return [...charts.values()].sort((a, b) => b.latest - a.latest);
}

/**
 * The newest point.
 * @param {Series} series
 * @returns {Point}
 */
export function last(series) {
  return series.points[series.points.length - 1];
}

/**
 * @param {number} value
 * @param {{ low: number | null, high: number | null }} range
 * @returns {'low' | 'high' | 'within' | 'unknown'}
 */
export function position(value, { low, high }) {
  if (low === null && high === null) return 'unknown';
  if (low !== null && value < low) return 'low';
  if (high !== null && value > high) return 'high';
  return 'within';
}

/**
 * Round numbers that cover `min` to `max`, about `count` of them.
 * @param {number} min
 * @param {number} max
 * @param {number} [count]
 * @returns {number[]}
 */
export function ticks(min, max, count = 4) {
  const span = max - min || Math.abs(max) || 1;
  const rough = span / count;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * magnitude).find((size) => size >= rough) ?? rough;
  const first = Math.floor(min / step) * step;
  const result = [];
  for (let i = 0; first + (i - 1) * step < max && i < 20; i += 1)
    result.push(Number((first + i * step).toPrecision(12)));
  return result;
}

/**
 * @typedef {{ x: number, y: number, at: number, value: number, state: 'low' | 'high' | 'within' | 'unknown' }} Dot
 * @typedef {{
 *   lines: { code: string, path: string, dots: Dot[], band: { y: number, height: number } | null }[],
 *   rows: { value: number, y: number }[], from: number, to: number, left: number, right: number,
 * }} Drawing
 */

/**
 * @param {Chart} chart
 * @param {{ width: number, height: number, left: number, right: number, top: number, bottom: number }} frame pixels; the last four are margins
 * @returns {Drawing}
 */
export function draw(chart, { width, height, left, right, top, bottom }) {
  const points = chart.series.flatMap((series) => series.points);
  const limits = chart.series.flatMap((series) => [series.low, series.high]).filter((each) => each !== null);
  const values = [...points.map((point) => point.value), ...limits];
  const rows = ticks(Math.min(...values), Math.max(...values));
  const [bottomValue, topValue] = [rows[0], rows[rows.length - 1]];
  const from = Math.min(...points.map((point) => point.at));
  const to = Math.max(...points.map((point) => point.at));
  const x = (/** @type {number} */ at) =>
    to === from ? (left + width - right) / 2 : left + ((at - from) / (to - from)) * (width - left - right);
  const y = (/** @type {number} */ value) =>
    top + ((topValue - value) / (topValue - bottomValue || 1)) * (height - top - bottom);
  const lines = chart.series.map((series) => {
    const dots = series.points.map((point) => ({
      ...point,
      x: round(x(point.at)),
      y: round(y(point.value)),
      state: position(point.value, series),
    }));
    const path = dots.map((dot, i) => `${i ? 'L' : 'M'}${dot.x} ${dot.y}`).join('');
    const low = Math.max(series.low ?? bottomValue, bottomValue);
    const high = Math.min(series.high ?? topValue, topValue);
    const hasRange = series.low !== null || series.high !== null;
    const band = hasRange && high > low ? { y: round(y(high)), height: round(y(low) - y(high)) } : null;
    return { code: series.code, path, dots, band };
  });
  return { lines, rows: rows.map((value) => ({ value, y: round(y(value)) })), from, to, left, right: width - right };
}

/** @param {number} n */
function round(n) {
  return Math.round(n * 10) / 10;
}

/** UCUM is for machines; this is what a reader expects. */
/** @type {Record<string, string>} */
const UNITS = {
  'mm[Hg]': 'mmHg',
  '/min': '/min',
  '{beats}/min': '/min',
  'mmol/L': 'mmol/L',
  Cel: '°C',
  kg: 'kg',
  '%': '%',
  'kg/m2': 'kg/m²',
  'umol/L': 'µmol/L',
  '10*9/L': '×10⁹/L',
  'mL/min/{1.73_m2}': 'mL/min/1.73 m²',
  'mg/dL': 'mg/dL',
};

/** @param {string} ucum */
export function unitText(ucum) {
  return UNITS[ucum] ?? ucum.replace(/[[\]{}]/g, '');
}
