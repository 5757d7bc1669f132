// @ts-check
import { html, nothing } from 'lit';
import { errorText, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { unitText } from '../state/measurements.js';
import { CElement } from './element.js';
import './dialog.js';

/** @typedef {'conditions' | 'allergies' | 'medications' | 'observations'} EntryKind */
/** @typedef {{ code: string, unit: string, low: number | null, high: number | null }} Measurable */

/** What is measured at home or in the practice, with its usual reference range for adults. */
/** @type {readonly Measurable[]} */
const MEASURABLE = [
  { code: '8480-6', unit: 'mm[Hg]', low: 90, high: 140 },
  { code: '8462-4', unit: 'mm[Hg]', low: 60, high: 90 },
  { code: '8867-4', unit: '/min', low: 60, high: 100 },
  { code: '8310-5', unit: 'Cel', low: 36, high: 37.3 },
  { code: '2708-6', unit: '%', low: 95, high: 100 },
  { code: '29463-7', unit: 'kg', low: null, high: null },
  { code: '14749-6', unit: 'mmol/L', low: 3.9, high: 6.1 },
  { code: '4548-4', unit: '%', low: 4, high: 6 },
];

const TITLES = {
  conditions: 'history.add_condition',
  allergies: 'history.add_allergy',
  medications: 'history.add_medication',
  observations: 'history.add_observation',
};

/** <c-entry-dialog .patient .kind>: one more line of a patient's history. Open while `kind` is set; tells `entry-added`. */
export class CEntryDialog extends CElement {
  static properties = {
    patient: { attribute: false },
    kind: { attribute: false },
    _missing: { state: true },
    _error: { state: true },
    _busy: { state: true },
    _measured: { state: true },
  };

  constructor() {
    super();
    this.patient = '';
    /** @type {EntryKind | null} */
    this.kind = null;
    /** @type {Record<string, string>} */
    this._missing = {};
    this._error = '';
    this._busy = false;
    this._measured = MEASURABLE[0].code;
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('kind')) {
      this._missing = {};
      this._error = '';
    }
  }

  render() {
    const { kind } = this;
    const footer = html`
      <button class="button" type="button" @click=${() => this.emit('close')}>${t('core.cancel')}</button>
      <button
        class="button primary"
        type="submit"
        form="entry-form"
        aria-busy=${this._busy}
        ?disabled=${this._busy}
        data-testid="entry-save"
      >
        ${t('history.save')}
      </button>
    `;
    return html`<c-dialog
      .open=${kind !== null}
      .heading=${kind ? t(TITLES[kind]) : ''}
      .content=${kind ? this._form(kind) : nothing}
      .footer=${footer}
      @close=${() => this.emit('close')}
    ></c-dialog>`;
  }

  /** @param {EntryKind} kind */
  _form(kind) {
    return html`
      <form id="entry-form" class="stack" novalidate @submit=${this._submit.bind(this)}>
        ${this._error ? html`<div class="notice danger" role="alert"><c-icon name="alert"></c-icon><span>${this._error}</span></div>` : nothing}
        ${kind === 'conditions' ? this._condition() : nothing} ${kind === 'allergies' ? this._allergy() : nothing}
        ${kind === 'medications' ? this._medication() : nothing}
        ${kind === 'observations' ? this._observation() : nothing}
      </form>
    `;
  }

  _condition() {
    return html`
      ${this._text('text', 'history.field.condition')} ${this._text('code', 'history.field.code')}
      <div class="form-row">
        ${this._choice('clinical_status', 'history.field.status', ['active', 'remission', 'resolved'], 'history.status')}
        ${this._text('onset', 'history.field.onset', { type: 'date', max: today() })}
      </div>
      ${this._text('note', 'history.field.note')}
    `;
  }

  _allergy() {
    return html`
      ${this._text('substance', 'history.field.substance')} ${this._text('reaction', 'history.field.reaction')}
      ${this._choice('criticality', 'history.field.criticality', ['low', 'high', 'unable-to-assess'], 'history.criticality')}
    `;
  }

  _medication() {
    return html`
      ${this._text('text', 'history.field.medication')} ${this._text('dosage', 'history.field.dosage')}
      ${this._text('since', 'history.field.since', { type: 'date', max: today() })}
    `;
  }

  _observation() {
    const unit = MEASURABLE.find((each) => each.code === this._measured)?.unit ?? '';
    return html`
      <div class="field">
        <label for="entry-code">${t('history.field.measurement')}</label>
        <select
          id="entry-code"
          name="code"
          @change=${(/** @type {Event} */ event) => {
            this._measured = /** @type {HTMLSelectElement} */ (event.target).value;
          }}
        >
          ${MEASURABLE.map(({ code }) => html`<option value=${code} ?selected=${code === this._measured}>${t(`history.observation.${code}`)}</option>`)}
        </select>
      </div>
      <div class="form-row">
        ${this._text('value', 'history.field.value', { type: 'text', mode: 'decimal', after: unitText(unit) })}
        ${this._text('at', 'history.field.at', { type: 'datetime-local', value: nowLocal(), max: nowLocal() })}
      </div>
    `;
  }

  /** @param {string} name @param {string} label @param {{ type?: string, max?: string, value?: string, mode?: string, after?: string }} [options] */
  _text(name, label, { type = 'text', max, value = '', mode, after } = {}) {
    const missing = this._missing[name];
    return html`
      <div class="field">
        <label for=${`entry-${name}`}
          >${t(label)}${after ? html` <span class="quiet">(${after})</span>` : nothing}</label
        >
        <input
          id=${`entry-${name}`}
          name=${name}
          type=${type}
          max=${max ?? nothing}
          value=${value}
          inputmode=${mode ?? nothing}
          maxlength="500"
          autocomplete="off"
          aria-invalid=${missing ? 'true' : 'false'}
          aria-describedby=${`entry-${name}-error`}
          data-testid=${`entry-${name}`}
        />
        <p class="error" id=${`entry-${name}-error`}>${missing ?? nothing}</p>
      </div>
    `;
  }

  /** @param {string} name @param {string} label @param {string[]} values @param {string} texts */
  _choice(name, label, values, texts) {
    return html`
      <div class="field">
        <label for=${`entry-${name}`}>${t(label)}</label>
        <select id=${`entry-${name}`} name=${name} data-testid=${`entry-${name}`}>
          ${values.map((value) => html`<option value=${value}>${t(`${texts}.${value}`)}</option>`)}
        </select>
      </div>
    `;
  }

  /** @param {SubmitEvent} event */
  async _submit(event) {
    event.preventDefault();
    if (!this.kind || this._busy) return;
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const entry = this._read(this.kind, (name) => String(form.get(name) ?? '').trim());
    if (!entry) {
      this.updateComplete.then(() =>
        /** @type {HTMLElement | null} */ (this.querySelector('[aria-invalid="true"]'))?.focus(),
      );
      return;
    }
    this._busy = true;
    this._error = '';
    try {
      await api.post(`/patients/${this.patient}/${this.kind}`, entry);
      this.emit('entry-added');
      this.emit('close');
    } catch (error) {
      this._error = errorText(error);
    } finally {
      this._busy = false;
    }
  }

  /** @param {EntryKind} kind @param {(name: string) => string} field @returns {object | null} null when something is missing */
  _read(kind, field) {
    const needed = {
      conditions: ['text'],
      allergies: ['substance'],
      medications: ['text'],
      observations: ['value', 'at'],
    }[kind];
    this._missing = Object.fromEntries(
      needed.filter((name) => !field(name)).map((name) => [name, t('history.missing')]),
    );
    const value = Number(field('value').replace(',', '.'));
    if (kind === 'observations' && !this._missing.value && !Number.isFinite(value))
      this._missing = { ...this._missing, value: t('history.not_a_number') };
    if (Object.keys(this._missing).length > 0) return null;
    switch (kind) {
      case 'conditions':
        return {
          text: field('text'),
          code: field('code'),
          clinical_status: field('clinical_status'),
          onset: field('onset') || null,
          note: field('note'),
        };
      case 'allergies':
        return {
          substance: field('substance'),
          reaction: field('reaction'),
          criticality: field('criticality'),
          recorded: today(),
        };
      case 'medications':
        return {
          text: field('text'),
          dosage: field('dosage'),
          status: 'active',
          since: field('since') || null,
          until: null,
        };
      default: {
        const { code, unit, low, high } = MEASURABLE.find((each) => each.code === field('code')) ?? MEASURABLE[0];
        return {
          code,
          text: t(`history.observation.${code}`),
          value,
          unit,
          at: new Date(field('at')).toISOString(),
          low,
          high,
        };
      }
    }
  }
}

function today() {
  return nowLocal().slice(0, 10);
}

/** The present minute as a `datetime-local` field wants it. */
function nowLocal() {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

customElements.define('c-entry-dialog', CEntryDialog);
