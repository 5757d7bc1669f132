// @ts-check
import { html, nothing } from 'lit';
import { errorText, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import './dialog.js';
import './icon.js';
import { toast } from './toast.js';

/** @typedef {import('../state/clinic.js').Department} Department */

/** The departments, in both languages, and how many people each has. */
export class CAdminDepartments extends CElement {
  static properties = {
    _adding: { state: true },
    _missing: { state: true },
    _error: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    this._adding = false;
    /** @type {string[]} */
    this._missing = [];
    this._error = '';
    this._busy = false;
    /** @type {Resource<{ departments: Department[], people: { department: string | null }[] }>} */
    this._all = new Resource(this, async () => {
      const [{ departments }, { people }] = await Promise.all([api.get('/departments'), api.get('/people')]);
      return { departments, people };
    });
  }

  render() {
    const footer = html`
      <button
        class="button"
        type="button"
        @click=${() => {
          this._adding = false;
        }}
      >
        ${t('core.cancel')}
      </button>
      <button
        class="button primary"
        type="submit"
        form="department-form"
        aria-busy=${this._busy}
        ?disabled=${this._busy}
        data-testid="department-save"
      >
        ${t('people.create')}
      </button>
    `;
    return html`
      <div class="stack">
        <div class="row between wrap">
          <p class="quiet">${t('departments.lead')}</p>
          <button class="button primary" type="button" data-testid="new-department" @click=${this._open}>
            <c-icon name="plus"></c-icon>${t('departments.new')}
          </button>
        </div>
        ${this._all.render(({ departments, people }) =>
          departments.length === 0
            ? html`<c-empty
                icon="home"
                .heading=${t('departments.none')}
                .text=${t('departments.none_text')}
              ></c-empty>`
            : html`<ul class="grid department-grid">
                ${departments.map(
                  (each) =>
                    html` <li class="card tight" data-testid="department">
                      <p class="strong" lang="en">${each.name_en}</p>
                      <p lang="zh-CN">${each.name_zh}</p>
                      <p class="small quiet">
                        ${t('departments.people', { count: people.filter((person) => person.department === each.id).length })}
                      </p>
                    </li>`,
                )}
              </ul>`,
        )}
      </div>
      <c-dialog
        .open=${this._adding}
        .heading=${t('departments.new')}
        .content=${this._adding ? this._form() : nothing}
        .footer=${footer}
        @close=${() => {
          this._adding = false;
        }}
      ></c-dialog>
    `;
  }

  _form() {
    return html`
      <form id="department-form" class="stack" novalidate @submit=${this._submit.bind(this)}>
        ${this._error ? html`<div class="notice danger" role="alert"><c-icon name="alert"></c-icon><span>${this._error}</span></div>` : nothing}
        ${['name_en', 'name_zh'].map(
          (name) => html`
            <div class="field">
              <label for=${`department-${name}`}>${t(`departments.${name}`)}</label>
              <input
                id=${`department-${name}`}
                name=${name}
                maxlength="120"
                autocomplete="off"
                aria-invalid=${this._missing.includes(name) ? 'true' : 'false'}
                aria-describedby=${`department-${name}-error`}
                data-testid=${`department-${name}`}
              />
              <p class="error" id=${`department-${name}-error`}>
                ${this._missing.includes(name) ? t('people.missing') : nothing}
              </p>
            </div>
          `,
        )}
      </form>
    `;
  }

  _open() {
    this._missing = [];
    this._error = '';
    this._adding = true;
  }

  /** @param {SubmitEvent} event */
  async _submit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const department = {
      name_en: String(form.get('name_en') ?? '').trim(),
      name_zh: String(form.get('name_zh') ?? '').trim(),
    };
    this._missing = Object.entries(department)
      .filter(([, value]) => !value)
      .map(([name]) => name);
    if (this._missing.length > 0 || this._busy) return;
    this._busy = true;
    try {
      await api.post('/departments', department);
      this._adding = false;
      toast(t('departments.created'), { kind: 'good' });
      this._all.load();
    } catch (error) {
      this._error = errorText(error);
    } finally {
      this._busy = false;
    }
  }
}

customElements.define('c-admin-departments', CAdminDepartments);
