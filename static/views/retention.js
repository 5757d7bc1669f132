// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDate, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { departmentName, localDay } from '../state/clinic.js';
import { Page } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './destruction.js';
import './empty.js';
import './icon.js';
import { announce, toast } from './toast.js';

/** @typedef {'recordings' | 'records'} RetentionClass */
/** @typedef {import('../state/clinic.js').ConsultationSummary & { due_at: string, held: boolean }} DueVisit */
/** @typedef {{ kind: RetentionClass, years: number, jurisdiction: string, basis: string, due: DueVisit[], more: boolean }} Due */
/** @typedef {{ destructions: import('./destruction.js').Destruction[] }} Destructions */

const POLL_MS = 2000;
const KINDS = /** @type {RetentionClass[]} */ (['recordings', 'records']);

/** What is due to be destroyed, as of a day that can be chosen; proposing to destroy it, and confirming what others propose. */
export class CRetention extends Page {
  static properties = { ...Page.properties, _busy: { state: true }, _asking: { state: true } };

  constructor() {
    super();
    this._day = localDay(new Date());
    /** @type {RetentionClass} */
    this._kind = 'recordings';
    this._busy = false;
    /** Whether the list is about to be proposed. */
    this._asking = false;
    /** @type {Resource<Due>} */
    this._due = new Resource(this, () => due(this._kind, this._day));
    /** @type {Resource<Destructions>} */
    this._destructions = new Resource(this, () => api.get('/retention/destructions'));
  }

  get heading() {
    return t('retention.title');
  }

  connectedCallback() {
    super.connectedCallback();
    const poll = setInterval(() => {
      if (document.hidden || !this._destructions.value?.destructions.some(({ state }) => state === 'confirmed')) return;
      this._destructions.load();
      this._due.load();
    }, POLL_MS);
    this.keep(() => clearInterval(poll));
  }

  render() {
    return html`
      <div class="page">
        <a class="back-link" href="/archive"><c-icon name="arrow-left"></c-icon>${t('record_page.back')}</a>
        <h1 tabindex="-1">${t('retention.title')}</h1>
        ${this._destructions.render((shown) => this._proposals(shown.destructions), { lines: 2 })}
        <section class="stack" aria-labelledby="due-title">
          <h2 id="due-title">${t('retention.due')}</h2>
          <div class="row wrap">
            <div class="field">
              <label for="retention-kind">${t('retention.kind')}</label>
              <select class="input" id="retention-kind" data-testid="retention-kind" @change=${this._chosenKind}>
                ${KINDS.map((kind) => html`<option value=${kind} ?selected=${kind === this._kind}>${t(`retention.kind.${kind}`)}</option>`)}
              </select>
            </div>
            <div class="field">
              <label for="retention-day">${t('retention.day')}</label>
              <input
                id="retention-day"
                type="date"
                required
                .value=${this._day}
                data-testid="retention-day"
                @change=${this._chosenDay}
              />
            </div>
          </div>
          ${this._due.render((shown) => this._list(shown), { lines: 6 })}
        </section>
      </div>
    `;
  }

  /** @param {import('./destruction.js').Destruction[]} destructions */
  _proposals(destructions) {
    if (destructions.length === 0) return nothing;
    return html`<section class="stack" aria-labelledby="destructions-title">
      <h2 id="destructions-title">${t('destruction.title')}</h2>
      ${destructions.map(
        (destruction) =>
          html`<c-destruction
            .destruction=${destruction}
            @changed=${(/** @type {CustomEvent<Destructions>} */ event) => {
              this._destructions.set(event.detail);
              this._due.load();
            }}
            @failed=${() => this._destructions.load()}
          ></c-destruction>`,
      )}
    </section>`;
  }

  /** @param {Due} shown */
  _list({ kind, years, jurisdiction, basis, due: visits, more }) {
    const free = visits.filter(({ held }) => !held).length;
    return html`
      <p class="quiet">
        ${t(`retention.rule.${kind}`, { years })} ${basis ? t('retention.basis', { jurisdiction, basis }) : nothing}
      </p>
      ${
        visits.length === 0
          ? html`<c-empty icon="archive" .heading=${t('retention.none')} .text=${t('retention.none_text')}></c-empty>`
          : html`
              <p class="small quiet" role="status">
                ${t('retention.count', { count: visits.length, held: visits.length - free })}
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
      ${free > 0 ? this._proposal(kind) : nothing}
    `;
  }

  /** @param {RetentionClass} kind */
  _proposal(kind) {
    if (this._day > localDay(new Date()))
      return html`<p class="small quiet" data-testid="not-yet">${t('destruction.not_yet')}</p>`;
    if (!this._asking) {
      return html`<div>
        <button
          class="button danger"
          type="button"
          data-testid="begin-proposal"
          @click=${() => {
            this._asking = true;
          }}
        >
          <c-icon name="trash"></c-icon>${t(`destruction.propose.${kind}`)} …
        </button>
      </div>`;
    }
    return html`<div class="notice danger" data-testid="proposal">
      <c-icon name="alert"></c-icon>
      <div class="grow stack tight">
        <p>${t(`destruction.text.${kind}`)}</p>
        <div class="row wrap">
          <button
            class="button danger"
            type="button"
            aria-busy=${this._busy}
            ?disabled=${this._busy}
            data-testid="propose"
            @click=${this._propose}
          >
            ${t(`destruction.propose.${kind}`)}
          </button>
          <button
            class="button"
            type="button"
            @click=${() => {
              this._asking = false;
            }}
          >
            ${t('core.cancel')}
          </button>
        </div>
      </div>
    </div>`;
  }

  /** @param {DueVisit} visit */
  _row(visit) {
    const facts = [visit.clinician.name, departmentName(visit.department, language())].filter(Boolean).join(' · ');
    return html`
      <li>
        <a class="patient-row" href=${`/archive/${visit.id}`} data-testid="due" data-held=${visit.held}>
          <span class="grow"
            ><span class="strong block">${visit.patient.name}</span><span class="quiet small block">${facts}</span
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
  _chosenDay(event) {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    if (!value) return;
    this._day = value;
    this._asking = false;
    this._due.load();
  }

  /** @param {Event} event */
  _chosenKind(event) {
    this._kind = /** @type {RetentionClass} */ (/** @type {HTMLSelectElement} */ (event.target).value);
    this._asking = false;
    this._due.load();
  }

  async _propose() {
    await this._during(async () => {
      const at = this._day === localDay(new Date()) ? {} : { at: endOf(this._day) };
      this._destructions.set(await api.post('/retention/destructions', { kind: this._kind, ...at }));
      this._asking = false;
      announce(t('destruction.proposed'));
    });
  }

  async _more() {
    const shown = this._due.value;
    const last = shown?.due.at(-1);
    if (!shown || !last?.finished_at) return;
    const place = { finished_at: last.finished_at, after: last.id };
    await this._during(async () => {
      const next = await due(this._kind, this._day, place);
      this._due.set({ ...next, due: [...shown.due, ...next.due] });
    });
  }

  /** @param {() => Promise<void>} work */
  async _during(work) {
    this._busy = true;
    try {
      await work();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }
}

/** @param {string} day */
const endOf = (day) => new Date(`${day}T23:59:59`).toISOString();

/** As of the end of a day here. @param {RetentionClass} kind @param {string} day @param {Record<string, string>} [place] @returns {Promise<Due>} */
function due(kind, day, place = {}) {
  return api.get('/retention/due', { query: { kind, at: endOf(day), ...place } });
}

customElements.define('c-retention', CRetention);
