// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDate, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { departmentName, localDay } from '../state/clinic.js';
import { Page } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './empty.js';
import './icon.js';
import { toast } from './toast.js';

/** @typedef {import('../state/clinic.js').ConsultationSummary & { due_at: string, held: boolean }} DueVisit */
/** @typedef {{ years: number, due: DueVisit[], more: boolean }} Due */

/** What is due to be destroyed, as of a day that can be chosen. Nothing is destroyed from here. */
export class CRetention extends Page {
  static properties = { ...Page.properties, _busy: { state: true } };

  constructor() {
    super();
    this._day = localDay(new Date());
    this._busy = false;
    /** @type {Resource<Due>} */
    this._due = new Resource(this, () => due(this._day));
  }

  get heading() {
    return t('retention.title');
  }

  render() {
    return html`
      <div class="page">
        <a class="back-link" href="/archive"><c-icon name="arrow-left"></c-icon>${t('record_page.back')}</a>
        <h1 tabindex="-1">${t('retention.title')}</h1>
        <div class="field">
          <label for="retention-day">${t('retention.day')}</label>
          <input
            id="retention-day"
            type="date"
            required
            .value=${this._day}
            data-testid="retention-day"
            @change=${this._chosen}
          />
        </div>
        ${this._due.render((shown) => this._list(shown), { lines: 6 })}
      </div>
    `;
  }

  /** @param {Due} shown */
  _list({ years, due: visits, more }) {
    return html`
      <p class="quiet">${t('retention.rule', { years })}</p>
      ${
        visits.length === 0
          ? html`<c-empty icon="archive" .heading=${t('retention.none')} .text=${t('retention.none_text')}></c-empty>`
          : html`
              <p class="small quiet" role="status">
                ${t('retention.count', { count: visits.length, held: visits.filter(({ held }) => held).length })}
              </p>
              <ul class="card tight list">
                ${visits.map((visit) => this._row(visit))}
              </ul>
            `
      }
      ${
        more
          ? html`<div>
              <button
                class="button"
                type="button"
                aria-busy=${this._busy}
                ?disabled=${this._busy}
                data-testid="retention-more"
                @click=${this._more}
              >
                ${t('retention.more')}
              </button>
            </div>`
          : nothing
      }
    `;
  }

  /** @param {DueVisit} visit */
  _row(visit) {
    const facts = [visit.clinician.name, departmentName(visit.department, language())].filter(Boolean).join(' · ');
    return html`
      <li>
        <a class="patient-row" href=${`/archive/${visit.id}`} data-testid="due" data-held=${visit.held}>
          <span class="grow"
            ><span class="strong block">${visit.patient.name}</span
            ><span class="quiet small block">${facts}</span
            ><span class="quiet small block"
              >${t('retention.times', { ended: formatDate(visit.finished_at ?? ''), due: formatDate(visit.due_at) })}</span
            ></span
          >
          ${visit.held ? html`<c-badge kind="good" icon="lock" text=${t('retention.held')}></c-badge>` : nothing}
          <c-icon name="chevron-right"></c-icon>
        </a>
      </li>
    `;
  }

  /** @param {Event} event */
  _chosen(event) {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    if (!value) return;
    this._day = value;
    this._due.load();
  }

  async _more() {
    const shown = this._due.value;
    const last = shown?.due.at(-1);
    if (!shown || !last?.finished_at) return;
    this._busy = true;
    try {
      const next = await due(this._day, { finished_at: last.finished_at, after: last.id });
      this._due.value = { ...next, due: [...shown.due, ...next.due] };
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }
}

/** As of the end of a day here. @param {string} day @param {Record<string, string>} [place] @returns {Promise<Due>} */
function due(day, place = {}) {
  return api.get('/retention/due', { query: { at: new Date(`${day}T23:59:59`).toISOString(), ...place } });
}

customElements.define('c-retention', CRetention);
