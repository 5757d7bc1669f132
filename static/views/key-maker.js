// @ts-check
import { html, nothing } from 'lit';
import { KeyFileUnusable, PASSPHRASE_LEAST, freshKeyFile, openKeyFile } from '../crypto/key-file.js';
import { t } from '../i18n/i18n.js';
import { auth } from '../net/auth.js';
import { download } from './download.js';
import { CElement } from './element.js';
import './icon.js';

/**
 * <c-key-maker .busy>: makes a custodian's key file in two steps: choose a passphrase and save the file; then open the saved
 * file once, so that nobody proposes a key they can't open. Tells `made` with the public key, `cancel`.
 */
export class CKeyMaker extends CElement {
  static properties = {
    busy: { type: Boolean },
    _made: { state: true },
    _working: { state: true },
    _problem: { state: true },
  };

  constructor() {
    super();
    this.busy = false;
    /** The fingerprint and the file's text, once it was made. @type {{ fingerprint: string, text: string } | null} */
    this._made = null;
    this._working = false;
    this._problem = '';
  }

  render() {
    return html`
      <section class="card stack" aria-labelledby="key-maker-title" data-testid="key-maker">
        <h3 id="key-maker-title">${t(this._made ? 'custody.try_title' : 'custody.make_title')}</h3>
        ${this._made ? this._tryIt() : this._choose()}
      </section>
    `;
  }

  _choose() {
    return html`
      <p>${t('custody.make_text')}</p>
      <form class="stack tight" novalidate @submit=${this._make}>
        ${this._field('passphrase', t('custody.new_passphrase', { least: PASSPHRASE_LEAST }), 'new-passphrase')}
        ${this._field('again', t('custody.again'), 'new-passphrase-again')}
        <p class="error" id="maker-problem" role="alert">${this._problem}</p>
        ${this._buttons(t('custody.save_file'), 'download', 'save-key-file')}
      </form>
    `;
  }

  _tryIt() {
    return html`
      <p>${t('custody.try_text')}</p>
      <form class="stack tight" novalidate @submit=${this._try}>
        <div class="field">
          <label for="saved-file">${t('custody.key_file')}</label>
          <input
            class="input"
            id="saved-file"
            name="file"
            type="file"
            accept=".json,application/json"
            aria-describedby="maker-problem"
            data-testid="saved-key-file"
          />
        </div>
        ${this._field('passphrase', t('custody.passphrase'), 'saved-passphrase')}
        <p class="error" id="maker-problem" role="alert">${this._problem}</p>
        ${this._buttons(t('custody.propose'), 'check', 'propose-key')}
      </form>
    `;
  }

  /** @param {string} name @param {string} label @param {string} testid */
  _field(name, label, testid) {
    return html`<div class="field">
      <label for=${testid}>${label}</label>
      <input
        class="input"
        id=${testid}
        name=${name}
        type="password"
        autocomplete="new-password"
        aria-describedby="maker-problem"
        data-testid=${testid}
      />
    </div>`;
  }

  /** @param {string} words @param {string} icon @param {string} testid */
  _buttons(words, icon, testid) {
    const isBusy = this.busy || this._working;
    return html`<div class="row wrap">
      <button class="button primary" type="submit" aria-busy=${isBusy} ?disabled=${isBusy} data-testid=${testid}>
        <c-icon name=${icon}></c-icon>${words}
      </button>
      ${
        this._made
          ? html`<button class="button" type="button" data-testid="save-again" @click=${this._save}>
              ${t('custody.save_again')}
            </button>`
          : nothing
      }
      <button class="button" type="button" @click=${() => this.emit('cancel')}>${t('core.cancel')}</button>
    </div>`;
  }

  /** @param {SubmitEvent} event */
  async _make(event) {
    event.preventDefault();
    const element = /** @type {HTMLFormElement} */ (event.currentTarget);
    const form = new FormData(element);
    const passphrase = String(form.get('passphrase'));
    this._problem =
      passphrase.length < PASSPHRASE_LEAST
        ? t('custody.too_short', { least: PASSPHRASE_LEAST })
        : passphrase === form.get('again')
          ? ''
          : t('custody.not_the_same');
    if (this._problem) return;
    this._working = true;
    try {
      const { key, text } = await freshKeyFile(auth.me?.name ?? '', passphrase);
      element.reset();
      this._made = { fingerprint: key.fingerprint, text };
      this._save();
    } finally {
      this._working = false;
    }
  }

  _save() {
    if (!this._made) return;
    const name = `custodian-key-${this._made.fingerprint.slice(0, 8)}.json`;
    download(new Blob([this._made.text], { type: 'application/json' }), name);
  }

  /** @param {SubmitEvent} event */
  async _try(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const file = form.get('file');
    if (!(file instanceof File) || file.size === 0) {
      this._problem = t('custody.no_file');
      return;
    }
    this._problem = '';
    this._working = true;
    try {
      const key = await openKeyFile(await file.text(), String(form.get('passphrase')));
      if (key.fingerprint !== this._made?.fingerprint) this._problem = t('custody.another_key');
      else this.emit('made', key.publicKey);
    } catch (error) {
      this._problem = t(error instanceof KeyFileUnusable ? `custody.${error.reason}` : 'custody.not_a_key_file');
    } finally {
      this._working = false;
    }
  }
}

customElements.define('c-key-maker', CKeyMaker);
