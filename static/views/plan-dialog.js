// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDate, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { ageOn, localDay } from '../state/clinic.js';
import { CElement } from './element.js';
import './dialog.js';
import './icon.js';

/** @typedef {import('../state/clinic.js').Patient} Patient */
/** @typedef {{ id: string, name: string, department?: string | null | { id: string } }} Doctor */

const PAUSE_MS = 250; // after the last key of a search
const LENGTHS = [10, 15, 20, 30, 45, 60];

/**
 * <c-plan-dialog .open .doctors .patient>: a new consultation. `doctors` is given by an administrator, who plans for others.
 * Tells `planned` with the consultation, and `close`.
 */
export class CPlanDialog extends CElement {
  static properties = {
    open: { type: Boolean },
    doctors: { attribute: false },
    patient: { attribute: false },
    _chosen: { state: true },
    _found: { state: true },
    _active: { state: true },
    _missing: { state: true },
    _error: { state: true },
    _busy: { state: true },
    _searching: { state: true },
  };

  constructor() {
    super();
    this.open = false;
    /** @type {Doctor[] | null} */
    this.doctors = null;
    /** Already known, when planned from a record. @type {Patient | null} */
    this.patient = null;
    /** @type {Patient | null} */
    this._chosen = null;
    /** @type {Patient[] | null} */
    this._found = null;
    this._active = -1;
    /** @type {Record<string, string>} */
    this._missing = {};
    this._error = '';
    this._busy = false;
    this._searching = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
    this._turn = 0;
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('open') && this.open) {
      this._chosen = this.patient;
      this._found = null;
      this._active = -1;
      this._missing = {};
      this._error = '';
    }
  }

  render() {
    const footer = html`
      <button class="button" type="button" @click=${() => this.emit('close')}>${t('core.cancel')}</button>
      <button
        class="button primary"
        type="submit"
        form="plan-form"
        aria-busy=${this._busy}
        ?disabled=${this._busy}
        data-testid="plan-save"
      >
        ${t('plan.save')}
      </button>
    `;
    return html`<c-dialog
      .open=${this.open}
      .heading=${t('plan.title')}
      .content=${this.open ? this._form() : nothing}
      .footer=${footer}
      @close=${() => this.emit('close')}
    ></c-dialog>`;
  }

  _form() {
    const soon = nextQuarter(new Date());
    return html`
      <form id="plan-form" class="stack" novalidate @submit=${this._submit.bind(this)} data-testid="plan-form">
        ${this._error ? html`<div class="notice danger" role="alert"><c-icon name="alert"></c-icon><span>${this._error}</span></div>` : nothing}
        ${this._chosen ? this._patient(this._chosen) : this._search()}
        ${
          this.doctors
            ? html`<div class="field">
                <label for="plan-doctor">${t('plan.doctor')}</label>
                <select id="plan-doctor" name="clinician" data-testid="plan-doctor">
                  ${this.doctors.map((doctor) => html`<option value=${doctor.id}>${doctor.name}</option>`)}
                </select>
              </div>`
            : nothing
        }
        <div class="form-row">
          <div class="field">
            <label for="plan-date">${t('plan.date')}</label>
            <input
              id="plan-date"
              name="date"
              type="date"
              value=${localDay(soon)}
              min=${localDay(new Date())}
              aria-invalid=${this._missing.time ? 'true' : 'false'}
              aria-describedby="plan-time-error"
              data-testid="plan-date"
            />
          </div>
          <div class="field">
            <label for="plan-time">${t('plan.time')}</label>
            <input
              id="plan-time"
              name="time"
              type="time"
              value=${clock(soon)}
              aria-invalid=${this._missing.time ? 'true' : 'false'}
              aria-describedby="plan-time-error"
              data-testid="plan-time"
            />
          </div>
          <div class="field">
            <label for="plan-minutes">${t('plan.minutes')}</label>
            <select id="plan-minutes" name="minutes">
              ${LENGTHS.map((minutes) => html`<option value=${minutes} ?selected=${minutes === 20}>${minutes}</option>`)}
            </select>
          </div>
        </div>
        <div class="field"><p class="error" id="plan-time-error">${this._missing.time ?? nothing}</p></div>
        <div class="field">
          <label for="plan-reason">${t('plan.reason')}</label>
          <input
            id="plan-reason"
            name="reason"
            maxlength="500"
            autocomplete="off"
            aria-invalid=${this._missing.reason ? 'true' : 'false'}
            aria-describedby="plan-reason-hint plan-reason-error"
            data-testid="plan-reason"
          />
          <p class="hint" id="plan-reason-hint">${t('plan.reason_hint')}</p>
          <p class="error" id="plan-reason-error">${this._missing.reason ?? nothing}</p>
        </div>
      </form>
    `;
  }

  /** @param {Patient} patient */
  _patient(patient) {
    return html`
      <div class="field">
        <span class="label" id="plan-patient-label">${t('plan.patient')}</span>
        <div class="chosen-patient" aria-labelledby="plan-patient-label" role="group">
          <span class="grow"
            ><span class="strong">${patient.name}</span> <span class="quiet small">${patientFacts(patient)}</span></span
          >
          <button
            class="icon-button"
            type="button"
            aria-label=${t('plan.change_patient')}
            title=${t('plan.change_patient')}
            @click=${() => {
              this._chosen = null;
              this._focusSearch();
            }}
          >
            <c-icon name="close"></c-icon>
          </button>
        </div>
      </div>
    `;
  }

  _search() {
    const found = this._found ?? [];
    const missing = this._missing.patient;
    return html`
      <div class="field combobox">
        <label for="plan-patient">${t('plan.patient')}</label>
        <input
          id="plan-patient"
          role="combobox"
          autocomplete="off"
          spellcheck="false"
          aria-expanded=${found.length > 0}
          aria-controls="plan-found"
          aria-autocomplete="list"
          aria-activedescendant=${this._active >= 0 ? `plan-found-${this._active}` : nothing}
          aria-invalid=${missing ? 'true' : 'false'}
          aria-describedby="plan-patient-hint plan-patient-error"
          data-testid="plan-patient"
          @input=${this._typed.bind(this)}
          @keydown=${this._key.bind(this)}
        />
        <p class="hint" id="plan-patient-hint" role="status">${this._hint()}</p>
        <p class="error" id="plan-patient-error">${missing ?? nothing}</p>
        <ul
          id="plan-found"
          role="listbox"
          class="combobox-list"
          aria-label=${t('plan.patient')}
          ?hidden=${found.length === 0}
        >
          ${found.map(
            (patient, index) => html`
              <li
                id=${`plan-found-${index}`}
                role="option"
                class="combobox-option"
                aria-selected=${index === this._active}
                data-testid="plan-patient-option"
                @pointerdown=${(/** @type {Event} */ event) => {
                  event.preventDefault();
                  this._choose(patient);
                }}
              >
                <span class="strong">${patient.name}</span> <span class="quiet small">${patientFacts(patient)}</span>
              </li>
            `,
          )}
        </ul>
      </div>
    `;
  }

  _hint() {
    if (this._searching) return t('plan.patient_searching');
    if (!this._found) return t('plan.patient_hint');
    return this._found.length > 0 ? t('plan.patient_found', { count: this._found.length }) : t('plan.patient_none');
  }

  /** @param {InputEvent} event */
  _typed(event) {
    const text = /** @type {HTMLInputElement} */ (event.target).value.trim();
    clearTimeout(this._timer);
    this._active = -1;
    if (!text) {
      this._turn += 1;
      this._found = null;
      this._searching = false;
      return;
    }
    this._searching = true;
    this._timer = setTimeout(() => this._ask(text), PAUSE_MS);
  }

  /** @param {string} text */
  async _ask(text) {
    const turn = ++this._turn;
    try {
      const { patients } = await api.get('/patients', { query: { q: text } });
      if (turn === this._turn) this._found = patients.slice(0, 8);
    } catch (error) {
      if (turn === this._turn) this._error = errorText(error);
    } finally {
      if (turn === this._turn) this._searching = false;
    }
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const found = this._found ?? [];
    if (event.key === 'ArrowDown' && found.length > 0) this._active = (this._active + 1) % found.length;
    else if (event.key === 'ArrowUp' && found.length > 0)
      this._active = (this._active - 1 + found.length) % found.length;
    else if (event.key === 'Enter' && (this._active >= 0 || found.length === 1))
      this._choose(found[Math.max(0, this._active)]);
    else if (event.key === 'Escape' && found.length > 0) this._found = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Patient} patient */
  _choose(patient) {
    this._chosen = patient;
    this._found = null;
    this._missing = { ...this._missing, patient: '' };
    this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.querySelector('#plan-reason'))?.focus());
  }

  _focusSearch() {
    this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.querySelector('#plan-patient'))?.focus());
  }

  /** @param {SubmitEvent} event */
  async _submit(event) {
    event.preventDefault();
    if (this._busy) return;
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const field = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    const at = new Date(`${field('date')}T${field('time')}`);
    this._missing = {
      ...(this._chosen ? {} : { patient: t('plan.patient_missing') }),
      ...(Number.isNaN(at.getTime()) ? { time: t('plan.time_missing') } : {}),
      ...(field('reason') ? {} : { reason: t('plan.reason_missing') }),
    };
    if (Object.keys(this._missing).length > 0 || !this._chosen) {
      this.updateComplete.then(() =>
        /** @type {HTMLElement | null} */ (this.querySelector('[aria-invalid="true"]'))?.focus(),
      );
      return;
    }
    this._busy = true;
    this._error = '';
    try {
      const planned = await api.post('/consultations', {
        patient: this._chosen.id,
        clinician: this.doctors ? field('clinician') : auth.me?.subject,
        scheduled_at: at.toISOString(),
        planned_minutes: Number(field('minutes')),
        reason: field('reason'),
      });
      this.emit('planned', planned);
    } catch (error) {
      this._error = errorText(error);
    } finally {
      this._busy = false;
    }
  }
}

/** @param {Patient} patient */
export function patientFacts(patient) {
  const age = ageOn(patient.birth_date, new Date());
  return [
    patient.sex && patient.sex !== 'unknown' ? t(`sex.${patient.sex}`) : '',
    age === null ? '' : t('patient.age', { age }),
    patient.birth_date ? formatDate(patient.birth_date) : '',
    patient.record_number ?? '',
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The next full quarter of an hour. @param {Date} now */
function nextQuarter(now) {
  const next = new Date(now);
  next.setMinutes(Math.ceil((now.getMinutes() + 1) / 15) * 15, 0, 0);
  return next;
}

/** @param {Date} instant */
function clock(instant) {
  return `${String(instant.getHours()).padStart(2, '0')}:${String(instant.getMinutes()).padStart(2, '0')}`;
}

customElements.define('c-plan-dialog', CPlanDialog);
