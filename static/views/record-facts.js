// @ts-check
import { html, nothing } from 'lit';
import { formatBytes, formatDateTime, formatDuration, formatNumber, t } from '../i18n/i18n.js';
import { gapsOf, latestConsents } from '../state/playback.js';
import { CElement } from './element.js';
import './badge.js';
import './icon.js';
import './note-text.js';

const DECISION_KINDS = /** @type {Record<string, string>} */ ({
  given: 'good',
  refused: 'warning',
  withdrawn: 'warning',
});

/** <c-record-facts .record>: who agreed to what words, what proves the recording, and the note. */
export class CRecordFacts extends CElement {
  static properties = { record: { attribute: false } };

  constructor() {
    super();
    /** @type {import('../state/playback.js').ArchiveRecord | null} */
    this.record = null;
  }

  render() {
    const { record } = this;
    if (!record) return nothing;
    return html`
      <div class="stack">
        ${this._consents(record)} ${record.recording ? this._integrity(record, record.recording) : nothing}
        ${this._note(record)}
      </div>
    `;
  }

  /** @param {import('../state/playback.js').ArchiveRecord} record */
  _consents({ consents }) {
    return html`
      <section class="card tight stack tight" aria-labelledby="consents-title" data-testid="consents">
        <h2 id="consents-title">${t('record_page.consents')}</h2>
        ${consents.length === 0 ? html`<p class="quiet">${t('record_page.consents_none')}</p>` : nothing}
        ${latestConsents(consents).map(
          (consent) => html`
            <div class="consent-fact">
              <p class="row between wrap">
                <span class="strong">${consent.name}</span
                ><c-badge
                  kind=${DECISION_KINDS[consent.decision] ?? 'plain'}
                  text=${t(`visit.consent.${consent.decision}`)}
                ></c-badge>
              </p>
              <p class="small quiet">
                ${formatDateTime(consent.at)} · ${t('visit.consent_version', { version: consent.version })}
              </p>
              <details class="small">
                <summary>${t('record_page.consent_words')}</summary>
                <p class="written" lang=${consent.language}>${consent.text}</p>
              </details>
            </div>
          `,
        )}
      </section>
    `;
  }

  /** @param {import('../state/playback.js').ArchiveRecord} record @param {import('../state/playback.js').Recording} recording */
  _integrity({ participants }, recording) {
    const gaps = gapsOf(recording);
    const missing = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0) / 1000;
    const name = (/** @type {string} */ id) => participants.find((each) => each.participant === id)?.name ?? id;
    return html`
      <section class="card tight stack tight" aria-labelledby="integrity-title" data-testid="integrity">
        <h2 id="integrity-title"><c-icon name="shield"></c-icon> ${t('record_page.integrity')}</h2>
        <dl class="facts">
          ${
            recording.state === 'ready'
              ? html` <dt>${t('record_page.length')}</dt>
                  <dd>${formatDuration(recording.duration_ms)}</dd>
                  <dt>${t('record_page.size')}</dt>
                  <dd>${formatBytes(recording.size_bytes)}</dd>`
              : nothing
          }
          <dt>${t('record_page.segments')}</dt>
          <dd>${recording.segments.length}</dd>
          <dt>${t('record_page.gaps')}</dt>
          <dd>
            ${gaps.length === 0 ? t('record_page.gaps_none') : t('record_page.gaps_count', { count: gaps.length, seconds: formatNumber(missing, { maximumFractionDigits: 1 }) })}
          </dd>
        </dl>
        ${
          recording.sha256
            ? html`<div>
                <p class="small quiet">${t('record_page.sha256')}</p>
                <code class="digest" data-testid="sha256">${recording.sha256}</code>
              </div>`
            : nothing
        }
        <details class="small">
          <summary>${t('record_page.segments_count', { count: recording.segments.length })}</summary>
          <ul class="segment-list">
            ${recording.segments.map(
              (segment) =>
                html`<li>
                  <span class="strong">${name(segment.participant)}, ${t(`record_page.lane.${segment.source}`)}</span>
                  <span class="block"
                    >${segment.started_at ? formatDateTime(segment.started_at) : nothing} ·
                    ${formatDuration(segment.duration_ms)}</span
                  >
                  <code class="digest">${segment.sha256}</code>
                </li>`,
            )}
          </ul>
        </details>
        <p class="small quiet row"><c-icon name="lock"></c-icon>${t('record_page.encrypted')}</p>
      </section>
    `;
  }

  /** @param {import('../state/playback.js').ArchiveRecord} record */
  _note({ note }) {
    const hasWords = note && (note.subjective + note.objective + note.assessment + note.plan).trim();
    return html`
      <section class="card tight stack tight" aria-labelledby="note-title" data-testid="record-note">
        <h2 id="note-title">${t('record_page.note')}</h2>
        ${note && hasWords && !note.signed_at ? html`<div><c-badge kind="warning" text=${t('record_page.note_unsigned')}></c-badge></div>` : nothing}
        ${hasWords ? html`<c-note-text .note=${note}></c-note-text>` : html`<p class="quiet">${t('record_page.note_none')}</p>`}
      </section>
    `;
  }
}

customElements.define('c-record-facts', CRecordFacts);
