// @ts-check
import { html, nothing } from 'lit';
import { errorText, t } from '../i18n/i18n.js';
import { CElement } from './element.js';
import './icon.js';

/** Trying again changes nothing; the words say what does. */
const FINAL = new Set(['invitation.closed']);

/** Something failed: in our words, with what to do, and the number that support asks for. */
export class CErrorPanel extends CElement {
  static properties = { error: { attribute: false }, heading: {}, retry: { attribute: false } };

  constructor() {
    super();
    /** @type {unknown} */
    this.error = null;
    this.heading = '';
    /** @type {(() => unknown) | null} */
    this.retry = null;
  }

  render() {
    const requestId = requestIdOf(this.error);
    return html`
      <div class="placeholder problem" role="alert">
        <c-icon class="big" name="alert"></c-icon>
        <h2>${this.heading || t('core.error_heading')}</h2>
        <p class="text">${errorText(this.error)}</p>
        ${
          this.retry && !FINAL.has(codeOf(this.error))
            ? html`<button class="button primary" type="button" data-testid="retry" @click=${this.retry}>
                <c-icon name="refresh"></c-icon>${t('core.try_again')}
              </button>`
            : nothing
        }
        ${requestId ? html`<p class="quiet small">${t('core.request_number', { id: requestId })}</p>` : nothing}
      </div>
    `;
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** @param {unknown} error */
function requestIdOf(error) {
  return typeof error === 'object' && error !== null && 'requestId' in error ? String(error.requestId) : '';
}

customElements.define('c-error-panel', CErrorPanel);
