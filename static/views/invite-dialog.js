// @ts-check
import { html, nothing } from 'lit';
import { errorText, language, LANGUAGES, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { CElement } from './element.js';
import './dialog.js';
import './icon.js';

const RELATIONS = ['interpreter', 'relative', 'colleague'];

/** <c-invite-dialog .open .consultation>: a link for a third person. Tells `invited` with `{ name, link }`, and `close`. */
export class CInviteDialog extends CElement {
  static properties = {
    open: { type: Boolean },
    consultation: {},
    _missing: { state: true },
    _error: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    this.open = false;
    this.consultation = '';
    this._missing = '';
    this._error = '';
    this._busy = false;
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('open')) {
      this._missing = '';
      this._error = '';
    }
  }

  render() {
    const footer = html`
      <button class="button" type="button" @click=${() => this.emit('close')}>${t('core.cancel')}</button>
      <button
        class="button primary"
        type="submit"
        form="invite-form"
        aria-busy=${this._busy}
        ?disabled=${this._busy}
        data-testid="invite-save"
      >
        ${t('visit.invite_make')}
      </button>
    `;
    return html`<c-dialog
      .open=${this.open}
      .heading=${t('visit.invite_title')}
      .content=${this.open ? this._form() : nothing}
      .footer=${footer}
      @close=${() => this.emit('close')}
    ></c-dialog>`;
  }

  _form() {
    return html`
      <form id="invite-form" class="stack" novalidate @submit=${this._submit.bind(this)} data-testid="invite-form">
        <p class="quiet">${t('visit.invite_text')}</p>
        ${this._error ? html`<div class="notice danger" role="alert"><c-icon name="alert"></c-icon><span>${this._error}</span></div>` : nothing}
        <fieldset class="field">
          <legend class="label">${t('visit.invite_relation')}</legend>
          <div class="row wrap">
            ${RELATIONS.map(
              (relation, index) =>
                html` <label class="choice relation-choice"
                  ><input
                    type="radio"
                    name="relation"
                    value=${relation}
                    ?checked=${index === 0}
                    data-testid=${`relation-${relation}`}
                  /><span>${t(`relation.${relation}`)}</span></label
                >`,
            )}
          </div>
        </fieldset>
        <div class="field">
          <label for="invite-name">${t('visit.invite_name')}</label>
          <input
            id="invite-name"
            name="name"
            maxlength="80"
            autocomplete="off"
            aria-invalid=${this._missing ? 'true' : 'false'}
            aria-describedby="invite-name-error"
            data-testid="invite-name"
          />
          <p class="error" id="invite-name-error">${this._missing}</p>
        </div>
        <div class="field">
          <label for="invite-language">${t('visit.invite_language')}</label>
          <select id="invite-language" name="language" data-testid="invite-language">
            ${LANGUAGES.map(({ code, name }) => html`<option value=${code} ?selected=${code === language()}>${name}</option>`)}
          </select>
        </div>
      </form>
    `;
  }

  /** @param {SubmitEvent} event */
  async _submit(event) {
    event.preventDefault();
    if (this._busy) return;
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const name = String(form.get('name') ?? '').trim();
    if (!name) {
      this._missing = t('visit.invite_name_missing');
      this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.querySelector('#invite-name'))?.focus());
      return;
    }
    this._busy = true;
    this._error = '';
    try {
      const body = { relation: form.get('relation'), name, language: form.get('language') };
      const { link } = await api.post(`/consultations/${this.consultation}/invitations`, body);
      this.emit('invited', { name, link });
    } catch (error) {
      this._error = errorText(error);
    } finally {
      this._busy = false;
    }
  }
}

customElements.define('c-invite-dialog', CInviteDialog);
