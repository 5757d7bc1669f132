// @ts-check
import { html, nothing } from 'lit';
import { formatDuration, formatNumber, formatTime, t } from '../i18n/i18n.js';
import { lineOfScore, qualityOf } from '../state/quality.js';
import { CElement } from './element.js';

/** @typedef {import('../state/quality.js').QualityMinute} QualityMinute */
/** @typedef {import('../state/quality.js').PersonsQuality} PersonsQuality */

/**
 * <c-quality-minutes .participants .minutes>: how everybody's connection was, as one bar for each minute, as a sentence, and
 * as a table for those who want the figures.
 */
export class CQualityMinutes extends CElement {
  static properties = { participants: { attribute: false }, minutes: { attribute: false } };

  constructor() {
    super();
    /** @type {readonly { participant: string, name: string }[]} */
    this.participants = [];
    /** @type {readonly QualityMinute[]} */
    this.minutes = [];
  }

  render() {
    const people = qualityOf(this.participants, this.minutes);
    if (people.length === 0) return nothing;
    return html`
      <section class="card tight stack tight" aria-labelledby="quality-title" data-testid="quality">
        <h2 id="quality-title">${t('record_page.quality')}</h2>
        ${people.map((person) => this._person(person))}
      </section>
    `;
  }

  /** @param {PersonsQuality} person */
  _person({ name, minutes, verdict, disturbed }) {
    return html`
      <div class="stack tight" data-testid="quality-person">
        <p class="row between wrap">
          <span class="strong">${name}</span><span>${t(`record_page.line_${verdict}`)}</span>
        </p>
        <div class="minute-bars" aria-hidden="true">
          ${minutes.map(
            (minute) =>
              html`<span
                data-line=${lineOfScore(minute.score)}
                data-score=${minute.score}
                title=${`${formatTime(minute.started_at)} ${t(`record_page.line_${lineOfScore(minute.score)}`)}`}
              ></span>`,
          )}
        </div>
        <p class="small quiet">
          ${t('record_page.quality_sentence', { count: minutes.length, disturbed: formatNumber(disturbed) })}
        </p>
        <details class="small">
          <summary>${t('record_page.quality_figures')}</summary>
          <div class="minute-figures" tabindex="0" role="region" aria-label=${t('record_page.quality_of', { name })}>
            ${this._table(minutes)}
          </div>
        </details>
      </div>
    `;
  }

  /** @param {QualityMinute[]} minutes */
  _table(minutes) {
    const head = ['time', 'score', 'delay', 'loss', 'sent', 'received', 'freeze', 'picture', 'talk'];
    return html`
      <table class="figures minute-table">
        <thead>
          <tr>
            ${head.map((key) => html`<th scope="col">${t(`record_page.quality_${key}`)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${minutes.map(
            (minute) => html`
              <tr>
                <th scope="row">${formatTime(minute.started_at)}</th>
                <td>${minute.score}</td>
                <td>
                  ${minute.round_trip_ms === null ? '–' : t('record_page.milliseconds', { value: formatNumber(minute.round_trip_ms) })}
                </td>
                <td>
                  ${t('record_page.percent', { value: formatNumber(minute.loss_percent, { maximumFractionDigits: 1 }) })}
                </td>
                <td>${t('record_page.kilobits', { value: formatNumber(minute.bitrate_up_kbps) })}</td>
                <td>${t('record_page.kilobits', { value: formatNumber(minute.bitrate_down_kbps) })}</td>
                <td>${seconds(minute.freeze_ms + minute.concealed_ms)}</td>
                <td>
                  ${minute.picture_height === null ? '–' : `${minute.picture_height}p ${minute.frames_per_second ?? ''}`}
                </td>
                <td>${formatDuration(minute.talk_ms)}</td>
              </tr>
            `,
          )}
        </tbody>
      </table>
    `;
  }
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return t('record_page.quality_seconds', { value: formatNumber(milliseconds / 1000, { maximumFractionDigits: 1 }) });
}

customElements.define('c-quality-minutes', CQualityMinutes);
