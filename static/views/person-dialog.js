// @ts-check
import { html, nothing } from 'lit';
import { errorText, language, LANGUAGES, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { departmentName, localDay } from '../state/clinic.js';
import { CElement } from './element.js';
import './dialog.js';
import './icon.js';

/** @typedef {import('./admin-people.js').Member} Member */

const ROLES = ['clinician', 'custodian', 'administrator', 'patient'];
const PASSWORD_LENGTH = 12;

/** <c-person-dialog .person .departments>: a new account, or changes to one. Tells `person-saved` with what to say, and `close`. */
export class CPersonDialog extends CElement {
  static properties = {
    person: { attribute: false },
    departments: { attribute: false },
    _role: { state: true },
    _missing: { state: true },
    _error: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    /** @type {Member | 'new' | null} */
    this.person = null;
    /** @type {import('../state/clinic.js').Department[]} */
    this.departments = [];
    this._role = 'clinician';
    /** @type {Record<string, string>} */
    this._missing = {};
    this._error = '';
    this._busy = false;
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('person')) {
      this._role = this._member?.role ?? 'clinician';
      this._missing = {};
      this._error = '';
    }
  }

  /** @returns {Member | null} */
  get _member() {
    return typeof this.person === 'object' ? this.person : null;
  }

  render() {
    const isNew = this.person === 'new';
    const footer = html`
      <button class="button" type="button" @click=${() => this.emit('close')}>${t('core.cancel')}</button>
      <button
        class="button primary"
        type="submit"
        form="person-form"
        aria-busy=${this._busy}
        ?disabled=${this._busy}
        data-testid="person-save"
      >
        ${t(isNew ? 'people.create' : 'people.save')}
      </button>
    `;
    const heading = isNew ? t('people.new') : t('people.edit_named', { name: this._member?.name ?? '' });
    return html`<c-dialog
      .open=${this.person !== null}
      .heading=${heading}
      .content=${this.person ? this._form() : nothing}
      .footer=${footer}
      @close=${() => this.emit('close')}
    ></c-dialog>`;
  }

  _form() {
    const member = this._member;
    return html`
      <form id="person-form" class="stack" novalidate autocomplete="off" @submit=${this._submit.bind(this)}>
        ${this._error ? html`<div class="notice danger" role="alert"><c-icon name="alert"></c-icon><span>${this._error}</span></div>` : nothing}
        ${this._field('name', 'people.field.name', { value: member?.name })}
        ${
          member
            ? nothing
            : html` ${this._select(
                'role',
                'people.field.role',
                ROLES.map((role) => [role, t(`core.role_${role}`)]),
                this._role,
                (role) => {
                  this._role = role;
                },
              )}
              ${this._field('login', 'people.field.login', { hint: 'people.field.login_hint' })}`
        }
        ${this._field('password', member ? 'people.field.new_password' : 'people.field.password', {
          type: 'password',
          hint: member ? 'people.field.new_password_hint' : 'people.field.password_hint',
        })}
        ${
          this._role === 'patient'
            ? member
              ? nothing
              : this._patientFields()
            : html`<div class="form-row">
                ${this._field('title', 'people.field.title', { value: member?.title })}
                ${this._select(
                  'department',
                  'people.field.department',
                  [
                    ...(member?.department ? [] : [['', t('people.field.department_none')]]),
                    ...this.departments.map((each) => [each.id, departmentName(each, language())]),
                  ],
                  member?.department ?? '',
                )}
              </div>`
        }
        ${this._select(
          'language',
          'people.field.language',
          LANGUAGES.map(({ code, name }) => [code, name]),
          member?.language ?? language(),
        )}
      </form>
    `;
  }

  _patientFields() {
    return html`
      <div class="form-row">
        ${this._field('birth_date', 'people.field.birth_date', { type: 'date', max: localDay(new Date()) })}
        ${this._select(
          'sex',
          'people.field.sex',
          ['female', 'male', 'other', 'unknown'].map((sex) => [sex, t(`sex.${sex}`)]),
          'female',
        )}
      </div>
      <div class="form-row">
        ${this._field('record_number', 'record.number')} ${this._field('phone', 'record.phone', { type: 'tel' })}
      </div>
    `;
  }

  /** @param {string} name @param {string} label @param {{ value?: string, type?: string, hint?: string, max?: string }} [options] */
  _field(name, label, { value = '', type = 'text', hint, max } = {}) {
    const missing = this._missing[name];
    return html`
      <div class="field">
        <label for=${`person-${name}`}>${t(label)}</label>
        <input
          id=${`person-${name}`}
          name=${name}
          type=${type}
          value=${value}
          maxlength="120"
          max=${max ?? nothing}
          autocomplete=${type === 'password' ? 'new-password' : 'off'}
          aria-invalid=${missing ? 'true' : 'false'}
          aria-describedby=${`person-${name}-hint person-${name}-error`}
          data-testid=${`person-${name}`}
        />
        <p class="hint" id=${`person-${name}-hint`} ?hidden=${!hint}>${hint ? t(hint) : nothing}</p>
        <p class="error" id=${`person-${name}-error`}>${missing ?? nothing}</p>
      </div>
    `;
  }

  /** @param {string} name @param {string} label @param {string[][]} options @param {string} value @param {(value: string) => void} [changed] */
  _select(name, label, options, value, changed) {
    return html`
      <div class="field">
        <label for=${`person-${name}`}>${t(label)}</label>
        <select
          id=${`person-${name}`}
          name=${name}
          data-testid=${`person-${name}`}
          @change=${(/** @type {Event} */ event) => changed?.(/** @type {HTMLSelectElement} */ (event.target).value)}
        >
          ${options.map(([key, text]) => html`<option value=${key} ?selected=${key === value}>${text}</option>`)}
        </select>
      </div>
    `;
  }

  /** @param {SubmitEvent} event */
  async _submit(event) {
    event.preventDefault();
    if (this._busy) return;
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const field = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    if (!this._isComplete(field)) {
      this.updateComplete.then(() =>
        /** @type {HTMLElement | null} */ (this.querySelector('[aria-invalid="true"]'))?.focus(),
      );
      return;
    }
    this._busy = true;
    this._error = '';
    try {
      if (this._member) await this._change(this._member, field);
      else await this._create(field);
      this.emit('person-saved', {
        text: this._member ? t('people.saved') : t('people.created', { name: field('name') }),
      });
    } catch (error) {
      this._error = errorText(error);
    } finally {
      this._busy = false;
    }
  }

  /** @param {(name: string) => string} field */
  _isComplete(field) {
    const needed = [
      'name',
      ...(this._member
        ? []
        : ['login', 'password', ...(this._role === 'patient' ? ['birth_date', 'record_number'] : [])]),
    ];
    this._missing = Object.fromEntries(
      needed.filter((name) => !field(name)).map((name) => [name, t('people.missing')]),
    );
    const password = field('password');
    if (password && password.length < PASSWORD_LENGTH)
      this._missing = { ...this._missing, password: t('people.password_short') };
    return Object.keys(this._missing).length === 0;
  }

  /** @param {Member} member @param {(name: string) => string} field */
  _change(member, field) {
    return api.patch(`/people/${member.id}`, {
      name: field('name'),
      language: field('language'),
      ...(member.role === 'patient' ? {} : { title: field('title'), department: field('department') || null }),
      ...(field('password') ? { password: field('password') } : {}),
    });
  }

  /** A patient's account needs a record to look at: it is begun first. @param {(name: string) => string} field */
  async _create(field) {
    const person = { name: field('name'), language: field('language') };
    const account = { ...person, login: field('login'), password: field('password'), role: this._role };
    if (this._role !== 'patient')
      return api.post('/people', { ...account, title: field('title'), department: field('department') || null });
    const record = {
      ...person,
      birth_date: field('birth_date'),
      sex: field('sex'),
      record_number: field('record_number'),
      phone: field('phone'),
    };
    const { id } = await api.post('/patients', record);
    return api.post('/people', { ...account, patient: id });
  }
}

customElements.define('c-person-dialog', CPersonDialog);
