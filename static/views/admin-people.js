// @ts-check
import { html, nothing } from 'lit';
import { errorText, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { departmentName } from '../state/clinic.js';
import { sorted } from '../state/table.js';
import { confirmDialog } from './dialog.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';
import './person-dialog.js';
import { toast } from './toast.js';

/** @typedef {import('../state/clinic.js').Department} Department */
/** @typedef {{ id: string, login: string, name: string, role: string, language: string, title: string, department: string | null, patient: string | null, active: boolean }} Member */

const ROLES = ['clinician', 'custodian', 'administrator', 'patient'];

/** Everybody with an account: found, created, changed, deactivated. */
export class CAdminPeople extends CElement {
  static properties = { _text: { state: true }, _role: { state: true }, _editing: { state: true } };

  constructor() {
    super();
    this._text = '';
    this._role = '';
    /** Whose form is open: a member, 'new', or nobody's. @type {Member | 'new' | null} */
    this._editing = null;
    /** @type {Resource<{ people: Member[], departments: Department[] }>} */
    this._all = new Resource(this, async () => {
      const [{ people }, { departments }] = await Promise.all([api.get('/people'), api.get('/departments')]);
      return { people, departments };
    });
  }

  render() {
    return html`
      <div class="stack">
        <div class="row between wrap">
          <p class="quiet">${t('people.lead')}</p>
          <button
            class="button primary"
            type="button"
            data-testid="new-person"
            @click=${() => {
              this._editing = 'new';
            }}
          >
            <c-icon name="plus"></c-icon>${t('people.new')}
          </button>
        </div>
        <div class="admin-filter" role="search">
          <div class="field grow">
            <label class="visually-hidden" for="people-filter">${t('people.filter')}</label>
            <div class="with-icon">
              <c-icon name="search"></c-icon
              ><input
                id="people-filter"
                type="search"
                placeholder=${t('people.filter')}
                autocomplete="off"
                data-testid="people-filter"
                @input=${(/** @type {InputEvent} */ event) => {
                  this._text = /** @type {HTMLInputElement} */ (event.target).value;
                }}
              />
            </div>
          </div>
          <div class="field">
            <label class="visually-hidden" for="people-role">${t('people.column.role')}</label>
            <select
              id="people-role"
              data-testid="people-role"
              @change=${(/** @type {Event} */ event) => {
                this._role = /** @type {HTMLSelectElement} */ (event.target).value;
              }}
            >
              <option value="">${t('people.all_roles')}</option>
              ${ROLES.map((role) => html`<option value=${role}>${t(`core.role_${role}`)}</option>`)}
            </select>
          </div>
        </div>
        ${this._all.render(({ people, departments }) => this._table(people, departments), { lines: 10 })}
      </div>
      <c-person-dialog
        .person=${this._editing}
        .departments=${this._all.value?.departments ?? []}
        @close=${() => {
          this._editing = null;
        }}
        @person-saved=${this._saved}
      ></c-person-dialog>
    `;
  }

  /** @param {Member[]} people @param {Department[]} departments */
  _table(people, departments) {
    const text = this._text.trim().toLowerCase();
    const found = people.filter(
      (person) =>
        (!this._role || person.role === this._role) && `${person.name} ${person.login}`.toLowerCase().includes(text),
    );
    if (found.length === 0)
      return html`<c-empty icon="people" .heading=${t('people.none')} .text=${t('people.none_text')}></c-empty>`;
    const rows = sorted(
      found,
      { column: 'name', descending: false },
      { name: (person) => `${ROLES.indexOf(person.role)} ${person.name}` },
      language(),
    );
    return html`
      <div class="table-wrap">
        <table class="table cards-on-phone" data-testid="people-table">
          <thead>
            <tr>
              ${['name', 'login', 'role', 'department', 'state', 'actions'].map((column) => html`<th scope="col">${t(`people.column.${column}`)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map((person) => this._row(person, departments))}
          </tbody>
        </table>
      </div>
    `;
  }

  /** @param {Member} person @param {Department[]} departments */
  _row(person, departments) {
    const { name } = person;
    const isMe = person.id === auth.me?.subject;
    return html`
      <tr data-testid="person-row" data-login=${person.login}>
        <td data-label=${t('people.column.name')}>
          <span class="strong block">${name}</span><span class="quiet small">${person.title}</span>
        </td>
        <td data-label=${t('people.column.login')}><code>${person.login}</code></td>
        <td data-label=${t('people.column.role')}>${t(`core.role_${person.role}`)}</td>
        <td data-label=${t('people.column.department')}>
          ${
            departmentName(
              departments.find((each) => each.id === person.department),
              language(),
            ) || '–'
          }
        </td>
        <td data-label=${t('people.column.state')}>
          <c-badge
            kind=${person.active ? 'good' : 'plain'}
            text=${t(person.active ? 'people.active' : 'people.inactive')}
          ></c-badge>
        </td>
        <td data-label=${t('people.column.actions')}>
          <span class="row">
            <button
              class="button quiet"
              type="button"
              aria-label=${t('people.edit_named', { name })}
              data-testid="edit-person"
              @click=${() => {
                this._editing = person;
              }}
            >
              ${t('people.edit')}
            </button>
            ${
              isMe
                ? nothing
                : person.active
                  ? html`<button
                      class="button quiet danger"
                      type="button"
                      aria-label=${t('people.deactivate_named', { name })}
                      data-testid="deactivate"
                      @click=${() => this._deactivate(person)}
                    >
                      ${t('people.deactivate')}
                    </button>`
                  : html`<button
                      class="button quiet"
                      type="button"
                      aria-label=${t('people.activate_named', { name })}
                      data-testid="activate"
                      @click=${() => this._setActive(person, true)}
                    >
                      ${t('people.activate')}
                    </button>`
            }
          </span>
        </td>
      </tr>
    `;
  }

  /** @param {Member} person */
  async _deactivate(person) {
    const agreed = await confirmDialog({
      title: t('people.deactivate_title', { name: person.name }),
      text: t('people.deactivate_text'),
      action: t('people.deactivate'),
      danger: true,
    });
    if (agreed) await this._setActive(person, false);
  }

  /** @param {Member} person @param {boolean} active */
  async _setActive(person, active) {
    try {
      await api.patch(`/people/${person.id}`, { active });
      toast(t(active ? 'people.activated' : 'people.deactivated', { name: person.name }), { kind: 'good' });
      this._all.load();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }

  /** @param {CustomEvent<{ text: string }>} event */
  _saved(event) {
    this._editing = null;
    toast(event.detail.text, { kind: 'good' });
    this._all.load();
  }
}

customElements.define('c-admin-people', CAdminPeople);
