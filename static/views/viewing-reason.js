// @ts-check
import { html, nothing } from 'lit';
import { t } from '../i18n/i18n.js';
import { CElement } from './element.js';
import './icon.js';

const SHORTEST = 3; // letters of a reason that says something
const REASONS = ['care', 'request', 'quality', 'legal', 'other'];

/**
 * <c-viewing-reason .busy .expired .asks>: why somebody opens a record, or with `asks`, why custodians shall open it. Tells
 * `reason` with the words for the access log.
 */
export class CViewingReason extends CElement {
  static properties = {
    busy: { type: Boolean },
    expired: { type: Boolean },
    asks: { type: Boolean },
    _choice: { state: true },
    _missing: { state: true },
  };

  constructor() {
    super();
    this.busy = false;
    this.expired = false;
    this.asks = false;
    this._choice = '';
    this._missing = '';
  }

  render() {
    return html`
      <form class="card stack viewing-reason" novalidate @submit=${this._submit} data-testid="viewing-reason">
        <h2><c-icon name="lock"></c-icon>${t(this.asks ? 'release.ask_title' : 'record_page.reason_title')}</h2>
        ${this.expired ? html`<div class="notice warning" role="status"><c-icon name="clock"></c-icon><span>${t('record_page.expired')}</span></div>` : nothing}
        <p>${t(this.asks ? 'release.ask_text' : 'record_page.reason_text')}</p>
        <fieldset aria-describedby="reason-error">
          <legend class="label">${t('record_page.reason')}</legend>
          ${REASONS.map(
            (reason) => html`
              <label class="choice"
                ><input
                  type="radio"
                  name="reason"
                  value=${reason}
                  .checked=${this._choice === reason}
                  data-testid=${`reason-${reason}`}
                  @change=${() => {
                    this._choice = reason;
                    this._missing = '';
                  }}
                /><span>${t(`record_page.reason.${reason}`)}</span></label
              >
            `,
          )}
        </fieldset>
        ${
          this._choice === 'other'
            ? html`<div class="field">
                <label for="reason-words">${t('record_page.reason_words')}</label>
                <input
                  id="reason-words"
                  name="words"
                  maxlength="200"
                  autocomplete="off"
                  data-testid="reason-words"
                  aria-describedby="reason-error"
                />
              </div>`
            : nothing
        }
        <div class="field"><p class="error" id="reason-error" role="alert">${this._missing}</p></div>
        <div>
          <button
            class="button primary"
            type="submit"
            aria-busy=${this.busy}
            ?disabled=${this.busy}
            data-testid="open-record"
          >
            <c-icon name=${this.asks ? 'send' : 'eye'}></c-icon>${t(this.asks ? 'release.ask' : 'record_page.open')}
          </button>
        </div>
      </form>
    `;
  }

  /** @param {SubmitEvent} event */
  _submit(event) {
    event.preventDefault();
    const words = String(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get('words') ?? '').trim();
    const reason = this._choice === 'other' ? words : this._choice && t(`record_page.reason.${this._choice}`);
    if (reason.length < SHORTEST) {
      this._missing = t('record_page.reason_missing');
      return;
    }
    this.emit('reason', reason);
  }
}

customElements.define('c-viewing-reason', CViewingReason);
