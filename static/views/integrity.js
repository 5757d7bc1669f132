// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatBytes, formatDateTime, formatDuration, formatNumber, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { gapsOf } from '../state/playback.js';
import { CElement } from './element.js';
import { announce, toast } from './toast.js';
import './badge.js';
import './icon.js';

const GAPS_SHOWN = 200;
const LEAD_MS = 2000; // before a gap, to see what was on

/**
 * <c-integrity .record .playable>: whether what is stored is what was signed, and how complete the recording is. Tells
 * `checked`, and `seek` when somebody wants to see what is around a gap of a recording that plays.
 */
export class CIntegrity extends CElement {
  static properties = { record: { attribute: false }, playable: { type: Boolean }, _busy: { state: true } };

  constructor() {
    super();
    this.playable = false;
    /** @type {import('../state/playback.js').ArchiveRecord | null} */
    this.record = null;
    this._busy = false;
  }

  render() {
    const { record } = this;
    if (!record?.recording) return nothing;
    const { recording, integrity } = record;
    return html`
      <section class="card tight stack tight" aria-labelledby="integrity-title" data-testid="integrity">
        <h2 id="integrity-title"><c-icon name="shield"></c-icon> ${t('record_page.integrity')}</h2>
        ${integrity ? this._verdict(integrity) : nothing} ${this._extent(record, recording)}
        ${integrity?.signed_at ? this._signature(integrity) : nothing}
        ${
          recording.sha256
            ? html`<div>
                <p class="small quiet">${t('record_page.sha256')}</p>
                <code class="digest" data-testid="sha256">${recording.sha256}</code>
              </div>`
            : nothing
        }
        ${this._segments(record, recording)}
        <p class="small quiet row"><c-icon name="lock"></c-icon>${t('record_page.encrypted')}</p>
      </section>
    `;
  }

  /** @param {import('../state/playback.js').Integrity} integrity */
  _verdict({ signed_at, check }) {
    if (!signed_at) return html`<p class="quiet" data-testid="unsigned">${t('record_page.not_signed')}</p>`;
    const fault = check?.fault;
    return html`
      ${
        fault
          ? html`<div
              class=${fault === 'storage' ? 'notice warning' : 'notice danger'}
              role="alert"
              data-testid="fault"
            >
              <c-icon name="alert"></c-icon>
              <div class="stack tight">
                <p class="strong">${t(`record_page.fault.${fault}`)}</p>
                <p>${t(fault === 'storage' ? 'record_page.fault_storage_text' : 'record_page.fault_text')}</p>
                <code class="digest">${check.file}</code>
              </div>
            </div>`
          : html`<div>
              <c-badge
                kind=${check ? 'good' : 'plain'}
                icon=${check ? 'check' : ''}
                text=${t(check ? 'record_page.unaltered' : 'record_page.signed')}
                data-testid="verdict"
              ></c-badge>
            </div>`
      }
      <p class="small quiet">
        ${
          check
            ? t('record_page.checked_at', { time: formatDateTime(check.at), count: check.segments })
            : t('record_page.never_checked')
        }
      </p>
      ${
        auth.me?.role === 'custodian'
          ? html`<div>
              <button
                class="button"
                type="button"
                aria-busy=${this._busy}
                ?disabled=${this._busy}
                data-testid="check-now"
                @click=${this._check}
              >
                <c-icon name="refresh"></c-icon>${t('record_page.check_now')}
              </button>
            </div>`
          : nothing
      }
    `;
  }

  /** @param {import('../state/playback.js').ArchiveRecord} record @param {import('../state/playback.js').Recording} recording */
  _extent({ participants }, recording) {
    const gaps = gapsOf(recording);
    const missing = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0) / 1000;
    return html`
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
      ${gaps.length > 0 ? this._gaps(gaps, participants) : nothing}
    `;
  }

  /** @param {ReturnType<typeof gapsOf>} gaps @param {import('../state/playback.js').Person[]} participants */
  _gaps(gaps, participants) {
    const name = (/** @type {string} */ id) => participants.find((each) => each.participant === id)?.name ?? id;
    const seconds = (/** @type {import('../state/playback.js').Stretch} */ { from, to }) =>
      formatNumber((to - from) / 1000, { maximumFractionDigits: 1 });
    return html`
      <details class="small" data-testid="gaps">
        <summary>${t('record_page.gaps_list')}</summary>
        <ul class="segment-list">
          ${gaps.slice(0, GAPS_SHOWN).map(
            (gap) =>
              html`<li data-reason=${gap.reason}>
                <span class="strong">${name(gap.participant)}, ${t(`record_page.lane.${gap.source}`)}</span>
                <span class="block"
                  >${t('record_page.gap', { at: formatDuration(gap.from), seconds: seconds(gap) })}
                  ${t(`record_page.gap.${gap.reason}`)}</span
                >
                ${
                  this.playable
                    ? html`<button
                        class="button"
                        type="button"
                        data-testid="play-gap"
                        @click=${() => this.emit('seek', Math.max(0, gap.from - LEAD_MS))}
                      >
                        <c-icon name="play"></c-icon>${t('record_page.play_gap', { at: formatDuration(gap.from) })}
                      </button>`
                    : nothing
                }
              </li>`,
          )}
        </ul>
        ${gaps.length > GAPS_SHOWN ? html`<p class="quiet">${t('record_page.gaps_more', { count: gaps.length - GAPS_SHOWN })}</p>` : nothing}
      </details>
    `;
  }

  /** @param {import('../state/playback.js').Integrity} integrity */
  _signature({ signed_at, key, root }) {
    return html`
      <details class="small">
        <summary>${t('record_page.signature')}</summary>
        <p class="quiet">${t('record_page.signed_at', { time: formatDateTime(signed_at ?? '') })}</p>
        <p class="quiet">${t('record_page.signing_key')}</p>
        <code class="digest">${key}</code>
        <p class="quiet">${t('record_page.root')}</p>
        <code class="digest">${root}</code>
      </details>
    `;
  }

  /** @param {import('../state/playback.js').ArchiveRecord} record @param {import('../state/playback.js').Recording} recording */
  _segments({ participants }, recording) {
    const name = (/** @type {string} */ id) => participants.find((each) => each.participant === id)?.name ?? id;
    return html`
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
    `;
  }

  async _check() {
    this._busy = true;
    try {
      const { check } = await api.post(`/archive/${this.record?.consultation.id}/check`);
      announce(t(check?.fault ? `record_page.fault.${check.fault}` : 'record_page.unaltered'));
      this.emit('checked');
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }
}

customElements.define('c-integrity', CIntegrity);
