// @ts-check
import { html } from 'lit';
import { t } from '../i18n/i18n.js';
import { CElement } from './element.js';
import './dialog.js';
import './icon.js';
import { announce } from './toast.js';

/** <c-link-dialog .name .link>: an invitation's link, shown this once. Open while `link` is set; tells `close`. */
export class CLinkDialog extends CElement {
  static properties = {
    name: { attribute: false },
    link: { attribute: false },
    _copied: { state: true },
    _failed: { state: true },
  };

  constructor() {
    super();
    this.name = '';
    /** @type {string | null} */
    this.link = null;
    this._copied = false;
    this._failed = false;
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('link')) {
      this._copied = false;
      this._failed = false;
    }
  }

  render() {
    const content = html`
      <div class="stack">
        <p>${t('link.send', { name: this.name })}</p>
        <div class="field">
          <label for="link-address">${t('link.address')}</label>
          <input
            id="link-address"
            class="figures"
            readonly
            .value=${this.link ?? ''}
            data-testid="invitation-link"
            @focus=${(/** @type {FocusEvent} */ event) => /** @type {HTMLInputElement} */ (event.target).select()}
          />
          <p class="error" role="status">${this._failed ? t('link.copy_failed') : ''}</p>
        </div>
        <div class="notice warning"><c-icon name="lock"></c-icon><span>${t('link.once')}</span></div>
      </div>
    `;
    const footer = html`
      <button class="button" type="button" data-testid="link-done" @click=${() => this.emit('close')}>
        ${t('link.done')}
      </button>
      <button class="button primary" type="button" data-testid="copy-link" @click=${this._copy.bind(this)}>
        <c-icon name=${this._copied ? 'check' : 'copy'}></c-icon>${t(this._copied ? 'link.copied' : 'link.copy')}
      </button>
    `;
    return html`<c-dialog
      .open=${this.link !== null}
      .heading=${t('link.title', { name: this.name })}
      .content=${content}
      .footer=${footer}
      @close=${() => this.emit('close')}
    ></c-dialog>`;
  }

  async _copy() {
    try {
      await navigator.clipboard.writeText(this.link ?? '');
      this._copied = true;
      this._failed = false;
      announce(t('link.copied'));
    } catch {
      this._failed = true;
      /** @type {HTMLInputElement | null} */ (this.querySelector('#link-address'))?.select();
    }
  }
}

customElements.define('c-link-dialog', CLinkDialog);
