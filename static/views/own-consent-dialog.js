// @ts-check
import { html, nothing } from 'lit';
import { t } from '../i18n/i18n.js';
import './call/consent-card.js';
import './dialog.js';
import { CElement } from './element.js';

/** <c-own-consent .open .answer>: the doctor's own answer about recording. Tells `decide` with the decision, and `close`. */
export class COwnConsent extends CElement {
  static properties = { open: { type: Boolean }, answer: {}, _choice: { state: true }, _missing: { state: true } };

  constructor() {
    super();
    this.open = false;
    /** @type {'' | 'given' | 'refused' | 'withdrawn'} */
    this.answer = '';
    /** @type {'' | 'given' | 'refused' | 'withdrawn'} */
    this._choice = '';
    this._missing = false;
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('open') && this.open) {
      this._choice = this.answer;
      this._missing = false;
    }
  }

  render() {
    const content = html`<c-consent-card
      bare
      .answer=${this._choice}
      .missing=${this._missing}
      @answer=${(/** @type {CustomEvent<'given' | 'refused'>} */ event) => {
        this._choice = event.detail;
        this._missing = false;
      }}
    ></c-consent-card>`;
    const footer = html`
      <button class="button" type="button" @click=${() => this.emit('close')}>${t('core.cancel')}</button>
      <button class="button primary" type="button" data-testid="own-consent-save" @click=${this._decide.bind(this)}>
        ${t('core.save')}
      </button>
    `;
    return html`<c-dialog
      .open=${this.open}
      .heading=${t('visit.consent_title')}
      .content=${this.open ? content : nothing}
      .footer=${footer}
      @close=${() => this.emit('close')}
    ></c-dialog>`;
  }

  _decide() {
    if (!this._choice) {
      this._missing = true;
      return;
    }
    // Saying no after having said yes is a withdrawal.
    this.emit('decide', this._choice === 'refused' && this.answer === 'given' ? 'withdrawn' : this._choice);
  }
}

customElements.define('c-own-consent', COwnConsent);
