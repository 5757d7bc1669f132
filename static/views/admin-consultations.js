// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDay, formatTime, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { byTime, departmentName, isOver, localDay } from '../state/clinic.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';
import './link-dialog.js';
import { toast } from './toast.js';

/** @typedef {import('../state/clinic.js').ConsultationSummary} ConsultationSummary */

const STATUS_KINDS = {
  planned: 'plain',
  arrived: 'accent',
  'in-progress': 'info',
  onhold: 'warning',
  finished: 'good',
  cancelled: 'plain',
};

/** All consultations of one day, without what is said in them; new ones are planned for any doctor. */
export class CAdminConsultations extends CElement {
  static properties = { _day: { state: true }, _doctors: { state: true }, _link: { state: true } };

  constructor() {
    super();
    this._day = localDay(new Date());
    /** Set while one is planned. @type {import('./plan-dialog.js').Doctor[] | null} */
    this._doctors = null;
    /** @type {{ name: string, link: string } | null} */
    this._link = null;
    /** @type {Resource<ConsultationSummary[]>} */
    this._visits = new Resource(this, async () => {
      const query = { day: this._day, zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
      return (await api.get('/consultations', { query })).consultations;
    });
  }

  render() {
    const noon = new Date(`${this._day}T12:00`);
    return html`
      <div class="stack">
        <p class="quiet">${t('overview.lead')}</p>
        <div class="row between wrap">
          <div class="row wrap">
            <button
              class="icon-button"
              type="button"
              aria-label=${t('overview.previous')}
              title=${t('overview.previous')}
              data-testid="day-before"
              @click=${() => this._step(-1)}
            >
              <c-icon name="chevron-left"></c-icon>
            </button>
            <label class="visually-hidden" for="overview-day">${t('overview.day')}</label>
            <input
              id="overview-day"
              class="input overview-day"
              type="date"
              .value=${this._day}
              data-testid="overview-day"
              @change=${(/** @type {Event} */ event) => this._go(/** @type {HTMLInputElement} */ (event.target).value)}
            />
            <button
              class="icon-button"
              type="button"
              aria-label=${t('overview.next')}
              title=${t('overview.next')}
              data-testid="day-after"
              @click=${() => this._step(1)}
            >
              <c-icon name="chevron-right"></c-icon>
            </button>
            <button class="button quiet" type="button" @click=${() => this._go(localDay(new Date()))}>
              ${t('overview.today')}
            </button>
          </div>
          <button class="button primary" type="button" data-testid="new-consultation" @click=${this._plan}>
            <c-icon name="plus"></c-icon>${t('overview.plan')}
          </button>
        </div>
        <h2>${formatDay(noon)}</h2>
        ${this._visits.render((visits) => this._table(visits), { lines: 8 })}
      </div>
      <c-plan-dialog
        .open=${this._doctors !== null}
        .doctors=${this._doctors ?? []}
        @close=${() => {
          this._doctors = null;
        }}
        @planned=${this._planned}
      ></c-plan-dialog>
      <c-link-dialog
        .name=${this._link?.name ?? ''}
        .link=${this._link?.link ?? null}
        @close=${() => {
          this._link = null;
        }}
      ></c-link-dialog>
    `;
  }

  /** @param {ConsultationSummary[]} visits */
  _table(visits) {
    if (visits.length === 0)
      return html`<section class="card">
        <c-empty icon="calendar" .heading=${t('overview.none')} .text=${t('overview.none_text')}></c-empty>
      </section>`;
    return html`
      <p class="small quiet" role="status">${t('overview.total', { count: visits.length })}</p>
      <div class="table-wrap">
        <table class="table cards-on-phone" data-testid="overview-table">
          <thead>
            <tr>
              <th scope="col">${t('plan.time')}</th>
              <th scope="col">${t('plan.patient')}</th>
              <th scope="col">${t('plan.doctor')}</th>
              <th scope="col">${t('people.column.department')}</th>
              <th scope="col">${t('people.column.state')}</th>
              <th scope="col">${t('people.column.actions')}</th>
            </tr>
          </thead>
          <tbody>
            ${[...visits].sort(byTime).map(
              (visit) =>
                html`<tr data-testid="overview-row">
                  <td data-label=${t('plan.time')}>
                    <time class="strong" datetime=${visit.scheduled_at}>${formatTime(visit.scheduled_at)}</time>
                  </td>
                  <td data-label=${t('plan.patient')}>${visit.patient.name}</td>
                  <td data-label=${t('plan.doctor')}>${visit.clinician.name}</td>
                  <td data-label=${t('people.column.department')}>${departmentName(visit.department, language())}</td>
                  <td data-label=${t('people.column.state')}>
                    <c-badge kind=${STATUS_KINDS[visit.status]} text=${t(`status.${visit.status}`)}></c-badge>
                  </td>
                  <td data-label=${t('people.column.actions')}>
                    ${isOver(visit) ? nothing : html`<button class="button quiet" type="button" data-testid="make-link" @click=${() => this._makeLink(visit)}><c-icon name="link"></c-icon>${t('overview.link')}</button>`}
                  </td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    `;
  }

  /** @param {number} days */
  _step(days) {
    const noon = new Date(`${this._day}T12:00`);
    noon.setDate(noon.getDate() + days);
    this._go(localDay(noon));
  }

  /** @param {string} day */
  _go(day) {
    if (!day) return;
    this._day = day;
    this._visits.value = null;
    this._visits.load();
  }

  async _plan() {
    try {
      const [{ people }] = await Promise.all([api.get('/people'), import('./plan-dialog.js')]);
      this._doctors = people.filter(
        (/** @type {{ role: string, active: boolean }} */ person) => person.role === 'clinician' && person.active,
      );
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }

  /** @param {CustomEvent<ConsultationSummary>} event */
  async _planned(event) {
    this._doctors = null;
    toast(t('plan.saved'), { kind: 'good' });
    this._go(localDay(new Date(event.detail.scheduled_at)));
    await this._makeLink(event.detail);
  }

  /** @param {ConsultationSummary} visit */
  async _makeLink({ id, patient }) {
    try {
      const { link } = await api.post(`/consultations/${id}/invitations`, {
        relation: 'patient',
        name: patient.name,
        language: patient.language ?? language(),
      });
      this._link = { name: patient.name, link };
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }
}

customElements.define('c-admin-consultations', CAdminConsultations);
