// @ts-check
import { html } from 'lit';
import { t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { initials } from '../state/clinic.js';
import { Page } from './element.js';
import { patientFacts } from './plan-dialog.js';
import { Resource } from './resource.js';
import './icon.js';

/** @typedef {import('../state/clinic.js').Patient} Patient */

const PAUSE_MS = 250; // after the last key

/** Find a patient and open the record. */
export class CPatients extends Page {
  constructor() {
    super();
    this._text = '';
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
    /** @type {Resource<Patient[]>} */
    this._patients = new Resource(
      this,
      async () => (await api.get('/patients', { query: { q: this._text } })).patients,
    );
  }

  get heading() {
    return t('patients.title');
  }

  connectedCallback() {
    this._text = this.query.get('q') ?? '';
    super.connectedCallback();
  }

  render() {
    return html`
      <div class="page">
        <h1 tabindex="-1">${t('patients.title')}</h1>
        <div class="field search-field" role="search">
          <label for="patient-search">${t('patients.search')}</label>
          <div class="with-icon">
            <c-icon name="search"></c-icon>
            <input
              id="patient-search"
              type="search"
              autocomplete="off"
              spellcheck="false"
              .value=${this._text}
              data-testid="patient-search"
              @input=${this._typed}
            />
          </div>
        </div>
        ${this._patients.render((patients) => this._list(patients), { lines: 6 })}
      </div>
    `;
  }

  /** @param {Patient[]} patients */
  _list(patients) {
    if (patients.length === 0) {
      return html`<c-empty icon="people" .heading=${t('patients.none')} .text=${t('patients.none_text')}></c-empty>`;
    }
    return html`
      <p class="small quiet" role="status">${t('patients.count', { count: patients.length })}</p>
      <ul class="card tight list patient-list">
        ${patients.map(
          (patient) => html`
            <li>
              <a class="patient-row" href=${`/patients/${patient.id}`} data-testid="patient">
                <span class="avatar" aria-hidden="true">${initials(patient.name)}</span>
                <span class="grow"
                  ><span class="strong block">${patient.name}</span
                  ><span class="quiet small">${patientFacts(patient)}</span></span
                >
                <c-icon name="chevron-right"></c-icon>
              </a>
            </li>
          `,
        )}
      </ul>
    `;
  }

  /** @param {InputEvent} event */
  _typed(event) {
    this._text = /** @type {HTMLInputElement} */ (event.target).value;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => {
      const text = this._text.trim();
      history.replaceState(null, '', text ? `/patients?q=${encodeURIComponent(text)}` : '/patients');
      this._patients.load();
    }, PAUSE_MS);
  }
}

customElements.define('c-patients', CPatients);
