// @ts-check
import { html, nothing } from 'lit';
import { formatDateTime, t } from '../i18n/i18n.js';
import { auth } from '../net/auth.js';
import { latestConsents } from '../state/playback.js';
import { CElement } from './element.js';
import './badge.js';
import './integrity.js';
import './legal-hold.js';
import './note-text.js';
import './record-accesses.js';

const DECISION_KINDS = /** @type {Record<string, string>} */ ({
  given: 'good',
  refused: 'warning',
  withdrawn: 'warning',
});

/** <c-record-facts .record>: who agreed to what words, what proves the recording, and the note. */
export class CRecordFacts extends CElement {
  static properties = { record: { attribute: false }, playable: { type: Boolean } };

  constructor() {
    super();
    this.playable = false;
    /** @type {import('../state/playback.js').ArchiveRecord | null} */
    this.record = null;
  }

  render() {
    const { record } = this;
    if (!record) return nothing;
    const isCustodian = auth.me?.role === 'custodian';
    const isKept = !record.destroyed_at;
    return html`
      <div class="stack">
        ${isKept ? this._consents(record) : nothing}
        ${record.recording ? html`<c-integrity .record=${record} .playable=${this.playable}></c-integrity>` : nothing}
        ${isCustodian && isKept ? html`<c-legal-hold .consultation=${record.consultation.id}></c-legal-hold>` : nothing}
        ${isKept ? this._note(record) : nothing}
        ${isCustodian ? html`<c-record-accesses .consultation=${record.consultation.id}></c-record-accesses>` : nothing}
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
