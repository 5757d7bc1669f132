// @ts-check
import { html, nothing } from 'lit';
import { KeyFileUnusable, openKeyFile } from '../crypto/key-file.js';
import { t } from '../i18n/i18n.js';
import { heldKey, holdKey } from '../state/custodian-key.js';
import { CElement } from './element.js';
import './icon.js';

/**
 * <c-key-opener .fingerprint .action .busy>: opens a custodian's key file, in this page alone. Tells `key` with the key; at
 * once if the file was opened a short while ago.
 */
export class CKeyOpener extends CElement {
  static properties = {
    fingerprint: { type: String },
    action: { type: String },
    busy: { type: Boolean },
    _opening: { state: true },
    _problem: { state: true },
  };

  constructor() {
    super();
    this.fingerprint = '';
    this.action = '';
    this.busy = false;
    this._opening = false;
    this._problem = '';
  }

  render() {
    const isHeld = heldKey(this.fingerprint) !== null;
    return html`
      <form class="stack tight" novalidate data-testid="key-opener" @submit=${this._submit}>
        ${
          isHeld
            ? nothing
            : html`
                <div class="field">
                  <label for="key-file">${t('custody.key_file')}</label>
                  <input
                    class="input"
                    id="key-file"
                    name="file"
                    type="file"
                    accept=".json,application/json"
                    aria-describedby="key-problem"
                    data-testid="key-file"
                  />
                </div>
                <div class="field">
                  <label for="key-passphrase">${t('custody.passphrase')}</label>
                  <input
                    class="input"
                    id="key-passphrase"
                    name="passphrase"
                    type="password"
                    autocomplete="off"
                    aria-describedby="key-problem"
                    data-testid="key-passphrase"
                  />
                </div>
                <p class="small quiet">${t('custody.stays_here')}</p>
              `
        }
        <p class="error" id="key-problem" role="alert">${this._problem}</p>
        <div>
          <button
            class="button primary"
            type="submit"
            aria-busy=${this.busy || this._opening}
            ?disabled=${this.busy || this._opening}
            data-testid="key-open"
          >
            <c-icon name="lock"></c-icon>${this.action}
          </button>
        </div>
      </form>
    `;
  }

  /** @param {SubmitEvent} event */
  async _submit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const held = heldKey(this.fingerprint);
    if (held) return this.emit('key', held);
    const file = form.get('file');
    if (!(file instanceof File) || file.size === 0) {
      this._problem = t('custody.no_file');
      return;
    }
    this._problem = '';
    this._opening = true;
    try {
      const key = await openKeyFile(await file.text(), String(form.get('passphrase')));
      if (this.fingerprint && key.fingerprint !== this.fingerprint) {
        this._problem = t('custody.another_key');
        return;
      }
      holdKey(key);
      this.emit('key', key);
    } catch (error) {
      this._problem = t(error instanceof KeyFileUnusable ? `custody.${error.reason}` : 'custody.not_a_key_file');
    } finally {
      this._opening = false;
    }
  }
}

customElements.define('c-key-opener', CKeyOpener);
