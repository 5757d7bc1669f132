// @ts-check
import { html, nothing } from 'lit';
import { formatDate, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { ageOn, initials } from '../state/clinic.js';
import { Page } from './element.js';
import { Resource } from './resource.js';
import './history.js';
import './icon.js';

/** @typedef {import('../state/clinic.js').Patient} Patient */

/** One patient's medical record, outside any visit. */
export class CPatientRecord extends Page {
  constructor() {
    super();
    /** @type {Resource<Patient>} */
    this._patient = new Resource(this, async () => {
      const answer = await api.get(`/patients/${this.params.id}`);
      return answer.patient ?? answer;
    });
  }

  get heading() {
    return this._patient.value?.name ?? t('record.title');
  }

  render() {
    return html`
      <div class="page patient-record">
        <a class="back-link" href="/patients"><c-icon name="arrow-left"></c-icon>${t('record.back')}</a>
        ${this._patient.render(
          (patient) =>
            html`${this._head(patient)}
              <div class="record-history"><c-history .patient=${patient.id} editable></c-history></div>`,
          { lines: 10, closedText: t('record.forbidden') },
        )}
      </div>
    `;
  }

  /** @param {Patient} patient */
  _head(patient) {
    const age = ageOn(patient.birth_date, new Date());
    return html`
      <header class="card record-head" data-testid="patient-head">
        <span class="avatar large" aria-hidden="true">${initials(patient.name)}</span>
        <div class="grow">
          <h1 tabindex="-1">${patient.name}</h1>
          <dl class="record-facts">
            ${fact('record.born', `${formatDate(patient.birth_date)}${age === null ? '' : ` · ${t('patient.age', { age })}`}`)}
            ${fact('record.sex', t(`sex.${patient.sex}`))} ${fact('record.number', patient.record_number)}
            ${fact('record.phone', patient.phone)}
            ${fact('record.language', patient.language ? t(`language.${patient.language}`) : '')}
          </dl>
        </div>
      </header>
    `;
  }
}

/** @param {string} label @param {string | undefined} value */
function fact(label, value) {
  return value
    ? html`<div>
        <dt>${t(label)}</dt>
        <dd>${value}</dd>
      </div>`
    : nothing;
}

customElements.define('c-patient-record', CPatientRecord);
