// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDateTime, hasText, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { CElement } from './element.js';
import { toast } from './toast.js';
import './badge.js';
import './icon.js';

/** @typedef {{ seq: number, at: string, name: string, role: string, action: string, outcome: string, detail: string }} Access */

/** <c-record-accesses .consultation>: who saw or changed what of a visit. Asked for when it is opened: that is noted, too. */
export class CRecordAccesses extends CElement {
  static properties = {
    consultation: { type: String },
    _entries: { state: true },
    _next: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    this.consultation = '';
    /** @type {Access[] | null} */
    this._entries = null;
    /** @type {number | null} */
    this._next = null;
    this._busy = false;
  }

  render() {
    return html`
      <section class="card tight stack tight" aria-labelledby="accesses-title" data-testid="accesses">
        <h2 id="accesses-title"><c-icon name="eye"></c-icon> ${t('accesses.title')}</h2>
        ${
          this._entries
            ? html`<ul class="segment-list small">
                ${this._entries.map((entry) => this._entry(entry))}
              </ul>`
            : nothing
        }
        ${this._entries && this._next === null ? nothing : this._button()}
      </section>
    `;
  }

  _button() {
    return html`<div>
      <button
        class="button"
        type="button"
        aria-busy=${this._busy}
        ?disabled=${this._busy}
        data-testid="show-accesses"
        @click=${this._more}
      >
        ${t(this._entries ? 'accesses.more' : 'accesses.show')}
      </button>
    </div>`;
  }

  /** @param {Access} entry */
  _entry({ at, name, role, action, outcome, detail }) {
    const key = `audit.action.${action}`;
    return html`<li data-action=${action}>
      <span class="strong block">${hasText(key) ? t(key) : action}</span>
      <span class="block"
        >${name || t('audit.system')}${hasText(`core.role_${role}`) ? html` · ${t(`core.role_${role}`)}` : nothing}</span
      >
      <span class="quiet block">${formatDateTime(at)}</span>
      ${outcome === 'allowed' ? nothing : html`<c-badge kind="warning" text=${t(`audit.outcome.${outcome}`)}></c-badge>`}
      ${detail ? html`<span class="quiet block written">${inWords(action, detail)}</span>` : nothing}
    </li>`;
  }

  async _more() {
    this._busy = true;
    try {
      const query = this._next === null ? {} : { cursor: this._next };
      const { entries, next } = await api.get(`/archive/${this.consultation}/accesses`, { query });
      this._entries = [...(this._entries ?? []), ...entries];
      this._next = next;
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }
}

/** The step of a hold has words of its own. @param {string} action @param {string} detail */
function inWords(action, detail) {
  const [step, ...rest] = detail.split(' ');
  return action === 'hold.change' ? [t(`hold.done.${step}`), ...rest].join(' ') : detail;
}

customElements.define('c-record-accesses', CRecordAccesses);
