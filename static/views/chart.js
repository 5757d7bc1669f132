// @ts-check
import { html, nothing, svg } from 'lit';
import { formatDate, formatDateTime, formatNumber, hasText, t } from '../i18n/i18n.js';
import { draw, last, position, unitText } from '../state/measurements.js';
import { CElement } from './element.js';

/** @typedef {import('../state/measurements.js').Chart} Chart */
/** @typedef {import('../state/measurements.js').Series} Series */

const FRAME = { width: 360, height: 150, left: 42, right: 12, top: 10, bottom: 24 };

/**
 * The reader's word for a measurement: ours for its code, else as the record has it.
 * @param {{ code: string, text: string }} series
 */
export function measurementName({ code, text }) {
  const key = `history.observation.${code}`;
  return hasText(key) ? t(key) : text;
}

/** <c-chart .chart>: one measurement over time with its reference range; the same as a table for who cannot see it. */
export class CChart extends CElement {
  static properties = { chart: { attribute: false } };

  constructor() {
    super();
    /** @type {Chart | null} */
    this.chart = null;
  }

  render() {
    const { chart } = this;
    if (!chart) return nothing;
    return html`
      <figure class="chart" data-testid="chart" data-code=${chart.key}>
        <figcaption>
          <span class="strong">${this._name(chart)}</span>
          <span class="chart-latest">${this._latest(chart)}</span>
        </figcaption>
        ${chart.series.some((series) => series.points.length > 1) ? this._drawing(chart) : nothing}
        ${this._range(chart)} ${this._table(chart)}
      </figure>
    `;
  }

  /** @param {Chart} chart */
  _name(chart) {
    return chart.key === 'blood-pressure' ? t('chart.blood_pressure') : measurementName(chart.series[0]);
  }

  /** @param {Chart} chart */
  _latest(chart) {
    const values = chart.series.map((series) => formatNumber(last(series).value)).join('/');
    const states = chart.series.map((series) => position(last(series).value, series));
    const off = states.find((state) => state === 'high') ?? states.find((state) => state === 'low');
    return html`<span class="quiet small">${formatDate(chart.latest)}</span>
      <span class="figures strong">${values}</span>
      <span class="small">${unitText(chart.unit)}</span>
      ${off ? html`<span class="chart-flag" data-state=${off}>${off === 'high' ? '↑' : '↓'} ${t(`chart.${off}`)}</span>` : nothing}`;
  }

  /** @param {Chart} chart */
  _drawing(chart) {
    const { lines, rows, from, to, left, right } = draw(chart, FRAME);
    const first = chart.series[0];
    const summary = t('chart.summary', {
      name: this._name(chart),
      count: first.points.length,
      unit: unitText(chart.unit),
      date: formatDate(chart.latest),
      value: chart.series.map((series) => formatNumber(last(series).value)).join('/'),
    });
    return html`
      <svg class="chart-drawing" viewBox="0 0 ${FRAME.width} ${FRAME.height}" role="img" aria-label=${summary}>
        ${lines.map((line) =>
          line.band
            ? svg`<rect class="chart-band" x=${left} width=${right - left} y=${line.band.y} height=${line.band.height}></rect>`
            : nothing,
        )}
        ${rows.map(
          (row) => svg`
          <line class="chart-row" x1=${left} x2=${right} y1=${row.y} y2=${row.y}></line>
          <text class="chart-label" x=${left - 6} y=${row.y + 4} text-anchor="end">${formatNumber(row.value)}</text>
        `,
        )}
        ${lines.map(
          (line, index) => svg`
          <path class="chart-line" data-line=${index} d=${line.path}></path>
          ${line.dots.map(
            (dot) => svg`
            <circle class="chart-dot" data-state=${dot.state} data-line=${index} cx=${dot.x} cy=${dot.y} r="4"><title>${formatNumber(dot.value)} · ${formatDateTime(dot.at)}</title></circle>
          `,
          )}
        `,
        )}
        <text class="chart-label" x=${left} y=${FRAME.height - 6}>${formatDate(from)}</text>
        ${to > from ? svg`<text class="chart-label" x=${right} y=${FRAME.height - 6} text-anchor="end">${formatDate(to)}</text>` : nothing}
      </svg>
    `;
  }

  /** @param {Chart} chart */
  _range(chart) {
    const texts = chart.series.map(rangeText).filter(Boolean);
    return texts.length > 0 ? html`<p class="small quiet">${texts.join(' · ')}</p>` : nothing;
  }

  /** @param {Chart} chart */
  _table(chart) {
    const instants = [...new Set(chart.series.flatMap((series) => series.points.map((point) => point.at)))].sort(
      (a, b) => b - a,
    );
    return html`
      <details class="chart-table">
        <summary>${t('chart.as_table')}</summary>
        <table class="table">
          <caption class="visually-hidden">
            ${this._name(chart)}
          </caption>
          <thead>
            <tr>
              <th scope="col">${t('chart.date')}</th>
              ${chart.series.map((series) => html`<th scope="col">${measurementName(series)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${instants.map(
              (at) =>
                html`<tr>
                  <th scope="row">${formatDateTime(at)}</th>
                  ${chart.series.map((series) => html`<td>${this._cell(series, at)}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </details>
    `;
  }

  /** @param {Series} series @param {number} at */
  _cell(series, at) {
    const point = series.points.find((each) => each.at === at);
    if (!point) return '';
    const state = position(point.value, series);
    const flag =
      state === 'high' || state === 'low'
        ? html` <span class="chart-flag" data-state=${state}>${t(`chart.${state}`)}</span>`
        : nothing;
    return html`<span class="figures">${formatNumber(point.value)}</span> ${unitText(series.unit)}${flag}`;
  }
}

/** @param {Series} series */
function rangeText(series) {
  const { low, high } = series;
  if (low !== null && high !== null) return t('chart.range', { low: formatNumber(low), high: formatNumber(high) });
  if (low !== null) return t('chart.range_low', { low: formatNumber(low) });
  return high !== null ? t('chart.range_high', { high: formatNumber(high) }) : '';
}

customElements.define('c-chart', CChart);
