// @ts-check
import { html, nothing } from 'lit';
import { t } from '../../i18n/i18n.js';
import { meta } from '../../net/meta.js';
import { CElement } from '../element.js';
import '../icon.js';

/**
 * <c-consent-card .answer=${'' | 'given' | 'refused'} @answer>: the exact words about recording, and the two answers.
 * Neither is chosen beforehand. Emits `answer` with the decision.
 */
export class CConsentCard extends CElement {
  static properties = { answer: {}, missing: { type: Boolean }, bare: { type: Boolean } };

  constructor() {
    super();
    /** @type {'' | 'given' | 'refused' | 'withdrawn'} */
    this.answer = '';
    this.missing = false;
    /** Without its own frame and heading, for a dialog. */
    this.bare = false;
  }

  render() {
    const { version } = meta.consent;
    return html`
      <fieldset
        class=${this.bare ? 'stack' : 'card consent-card stack'}
        aria-describedby="consent-words"
        data-testid="consent-card"
      >
        <legend class=${this.bare ? 'visually-hidden' : 'consent-heading'}>${t('call.consent_heading')}</legend>
        <div id="consent-words">${consentWords()}</div>
        <p class="quiet small">
          ${t('call.consent_note')} <span class="nowrap">${t('call.consent_version', { version })}</span>
        </p>
        <div class="consent-answers">
          ${this._choice('given', t('call.consent_given'))} ${this._choice('refused', t('call.consent_refused'))}
        </div>
        ${this.missing ? html`<p class="error-line" role="alert"><c-icon name="alert"></c-icon>${t('call.consent_missing')}</p>` : nothing}
      </fieldset>
    `;
  }

  /** @param {'given' | 'refused'} decision @param {string} text */
  _choice(decision, text) {
    const checked = this.answer === decision || (decision === 'refused' && this.answer === 'withdrawn');
    return html`
      <label class="consent-answer" ?data-checked=${checked}>
        <input
          type="radio"
          name="consent"
          value=${decision}
          data-testid=${`consent-${decision}`}
          .checked=${checked}
          @change=${() => this.emit('answer', decision)}
        />
        <span>${text}</span>
      </label>
    `;
  }
}

/** The wording itself, paragraph by paragraph. */
export function consentWords() {
  const paragraphs = meta.consent.text.split('\n').filter(Boolean);
  return html`<div class="consent-words" tabindex="0" role="group" aria-label=${t('call.consent_words')}>
    ${paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}
  </div>`;
}

customElements.define('c-consent-card', CConsentCard);
