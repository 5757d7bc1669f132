// @ts-check
import { html, nothing } from 'lit';
import { formatDate, formatDateTime, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { byTime, departmentName, isOver } from '../state/clinic.js';
import { chartsOf } from '../state/measurements.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './chart.js';
import './entry-dialog.js';
import './icon.js';
import './note-text.js';
import { toast } from './toast.js';

/** @typedef {import('../state/clinic.js').PatientHistory} PatientHistory */
/** @typedef {import('../state/clinic.js').EarlierConsultation} EarlierConsultation */
/** @typedef {import('./entry-dialog.js').EntryKind} EntryKind */

/**
 * <c-history .patient=id .consultation=id>: what is known of a patient. Allergies stay in view, whatever is scrolled.
 * `consultation` is the visit in hand (left out of the earlier ones); without it the whole record is shown.
 */
export class CHistory extends CElement {
  static properties = {
    patient: { attribute: false },
    consultation: { attribute: false },
    editable: { type: Boolean },
    _adding: { state: true },
  };

  constructor() {
    super();
    this.patient = '';
    /** @type {string | null} */
    this.consultation = null;
    this.editable = false;
    /** @type {EntryKind | null} */
    this._adding = null;
    /** @type {Resource<PatientHistory>} */
    this._history = new Resource(this, () =>
      api.get(`/patients/${this.patient}/history`, { query: { consultation: this.consultation } }),
    );
  }

  render() {
    return html`
      ${this._history.render((history) => this._all(history), { lines: 10, closedText: t('record.forbidden') })}
      <c-entry-dialog
        .patient=${this.patient}
        .kind=${this._adding}
        @close=${() => {
          this._adding = null;
        }}
        @entry-added=${this._added}
      ></c-entry-dialog>
    `;
  }

  /** @param {PatientHistory} history */
  _all(history) {
    return html`
      ${this._allergies(history)} ${this._conditions(history)} ${this._medications(history)}
      ${this._observations(history)} ${this._consultations(history)}
    `;
  }

  /** @param {PatientHistory} history */
  _allergies({ allergies }) {
    return html`
      <section
        class="history-allergies"
        data-known=${allergies.length > 0}
        aria-labelledby="allergies-title"
        data-testid="allergies"
      >
        <div class="history-head">
          <h2 id="allergies-title"><c-icon name="alert"></c-icon>${t('history.allergies')}</h2>
          ${this._addButton('allergies', 'history.add_allergy')}
        </div>
        ${
          allergies.length === 0
            ? html`<p>${t('history.no_allergies')}</p>`
            : html`<ul class="allergy-list">
                ${allergies.map(
                  (allergy) => html`
                    <li class="allergy" data-criticality=${allergy.criticality}>
                      <span class="strong">${allergy.substance}</span>
                      ${allergy.reaction ? html`<span>${allergy.reaction}</span>` : nothing}
                      ${allergy.criticality === 'high' ? html`<c-badge kind="danger" icon="alert" text=${t('history.allergy_high')}></c-badge>` : nothing}
                    </li>
                  `,
                )}
              </ul>`
        }
      </section>
    `;
  }

  /** @param {PatientHistory} history */
  _conditions({ conditions }) {
    const present = conditions.filter((each) => each.clinical_status !== 'resolved');
    const past = conditions.filter((each) => each.clinical_status === 'resolved');
    const item = (/** @type {import('../state/clinic.js').Condition} */ condition) => html`
      <li class="history-item">
        <span class="grow">
          <span class="strong">${condition.text}</span>
          ${condition.code ? html`<span class="figures quiet small">${condition.code}</span>` : nothing}
          <span class="quiet small block"
            >${[
              condition.clinical_status === 'active' ? '' : t(`history.status.${condition.clinical_status}`),
              condition.onset ? t('history.since', { date: formatDate(condition.onset) }) : '',
              condition.note,
            ]
              .filter(Boolean)
              .join(' · ')}</span
          >
        </span>
      </li>
    `;
    return this._section(
      'conditions',
      'heart',
      'history.conditions',
      'history.add_condition',
      html`
        ${
          present.length > 0
            ? html`<ul class="history-list">
                ${present.map(item)}
              </ul>`
            : html`<p class="quiet">${t('history.no_conditions')}</p>`
        }
        ${this._folded('history.past_conditions', past.map(item))}
      `,
    );
  }

  /** @param {PatientHistory} history */
  _medications({ medications }) {
    const present = medications.filter((each) => each.status === 'active');
    const past = medications.filter((each) => each.status !== 'active');
    const item = (/** @type {import('../state/clinic.js').Medication} */ medication) => html`
      <li class="history-item">
        <span class="grow">
          <span class="strong">${medication.text}</span>
          ${medication.dosage ? html`<span class="block">${medication.dosage}</span>` : nothing}
          <span class="quiet small block">${this._medicationDates(medication)}</span>
        </span>
      </li>
    `;
    return this._section(
      'medications',
      'pill',
      'history.medications',
      'history.add_medication',
      html`
        ${
          present.length > 0
            ? html`<ul class="history-list">
                ${present.map(item)}
              </ul>`
            : html`<p class="quiet">${t('history.no_medications')}</p>`
        }
        ${this._folded('history.past_medications', past.map(item))}
      `,
    );
  }

  /** @param {import('../state/clinic.js').Medication} medication */
  _medicationDates({ status, since, until }) {
    const dates =
      since && until
        ? t('history.from_to', { from: formatDate(since), to: formatDate(until) })
        : since
          ? t('history.since', { date: formatDate(since) })
          : '';
    return [status === 'active' ? '' : t(`history.status.${status}`), dates].filter(Boolean).join(' · ');
  }

  /** @param {PatientHistory} history */
  _observations({ observations }) {
    const charts = chartsOf(observations);
    return this._section(
      'observations',
      'signal',
      'history.observations',
      'history.add_observation',
      charts.length > 0
        ? html`<div class="charts">${charts.map((chart) => html`<c-chart .chart=${chart}></c-chart>`)}</div>`
        : html`<p class="quiet">${t('history.no_observations')}</p>`,
    );
  }

  /** @param {PatientHistory} history */
  _consultations({ consultations }) {
    const others = consultations.filter((each) => each.id !== this.consultation);
    const planned = others.filter((each) => !isOver(each)).sort(byTime);
    const earlier = others.filter((each) => each.status === 'finished').sort((a, b) => byTime(b, a));
    return html`
      ${
        planned.length > 0
          ? html`<section class="history-section" aria-labelledby="planned-title">
              <div class="history-head">
                <h2 id="planned-title"><c-icon name="calendar"></c-icon>${t('history.planned')}</h2>
              </div>
              <ul class="history-list">
                ${planned.map((visit) => html`<li>${this._visitLine(visit)} <span class="block">${visit.reason}</span></li>`)}
              </ul>
            </section>`
          : nothing
      }
      <section class="history-section" aria-labelledby="consultations-title" data-testid="earlier-consultations">
        <div class="history-head">
          <h2 id="consultations-title"><c-icon name="history"></c-icon>${t('history.consultations')}</h2>
        </div>
        ${
          earlier.length > 0
            ? html`<ol class="history-timeline">
                ${earlier.map((visit) => this._earlier(visit))}
              </ol>`
            : html`<p class="quiet">${t('history.no_consultations')}</p>`
        }
      </section>
    `;
  }

  /** @param {EarlierConsultation} visit */
  _visitLine({ scheduled_at, status, clinician, department }) {
    const when = status === 'finished' ? formatDate(scheduled_at) : formatDateTime(scheduled_at);
    return html`<time class="strong" datetime=${scheduled_at}>${when}</time>
      <span class="quiet small"
        >${[clinician.name, departmentName(department, language())].filter(Boolean).join(' · ')}</span
      >`;
  }

  /** @param {EarlierConsultation} visit */
  _earlier(visit) {
    const date = formatDate(visit.scheduled_at);
    return html`
      <li class="history-visit">
        <p>${this._visitLine(visit)}</p>
        <p>${visit.reason}</p>
        ${
          visit.note && hasWords(visit.note)
            ? html`<details class="history-note">
                <summary>${t('history.open_note')}${visit.note.signed_at ? '' : ` · ${t('note_state.draft')}`}</summary>
                <c-note-text .note=${visit.note}></c-note-text>
              </details>`
            : html`<p class="quiet small">${t('history.no_note')}</p>`
        }
        ${
          visit.recording_id || visit.recording_state
            ? html`<a
                class="history-play"
                href=${`/archive/${visit.id}`}
                target=${this.consultation ? '_blank' : nothing}
                data-testid="open-recording"
                aria-label=${t('history.play_for', { date })}
                ><c-icon name="play"></c-icon>${t('history.play')}</a
              >`
            : nothing
        }
      </li>
    `;
  }

  /** @param {EntryKind} kind @param {string} icon @param {string} title @param {string} add @param {unknown} content */
  _section(kind, icon, title, add, content) {
    return html`
      <section class="history-section" aria-labelledby=${`${kind}-title`} data-testid=${kind}>
        <div class="history-head">
          <h2 id=${`${kind}-title`}><c-icon name=${icon}></c-icon>${t(title)}</h2>
          ${this._addButton(kind, add)}
        </div>
        ${content}
      </section>
    `;
  }

  /** @param {string} key @param {unknown[]} items */
  _folded(key, items) {
    if (items.length === 0) return nothing;
    return html`<details class="history-past">
      <summary>${t(key, { count: items.length })}</summary>
      <ul class="history-list">
        ${items}
      </ul>
    </details>`;
  }

  /** @param {EntryKind} kind @param {string} label */
  _addButton(kind, label) {
    if (!this.editable) return nothing;
    return html`<button
      class="icon-button"
      type="button"
      aria-label=${t(label)}
      title=${t(label)}
      data-testid=${`add-${kind}`}
      @click=${() => {
        this._adding = kind;
      }}
    >
      <c-icon name="plus"></c-icon>
    </button>`;
  }

  _added() {
    toast(t('history.added'), { kind: 'good' });
    this._history.load();
  }
}

/** @param {import('../state/clinic.js').VisitNote} note */
function hasWords({ subjective, objective, assessment, plan }) {
  return Boolean((subjective + objective + assessment + plan).trim());
}

customElements.define('c-history', CHistory);
