// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDate, formatDateTime, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { CElement } from './element.js';
import './badge.js';
import './icon.js';
import { announce, toast } from './toast.js';

/**
 * @typedef {{ id: string, kind: 'recordings' | 'records', state: 'proposed' | 'confirmed' | 'done' | 'declined', due_at: string,
 *   proposed_by: string, proposed_at: string, confirmed_by: string | null, confirmed_at: string | null,
 *   ended_by: string | null, ended_at: string | null, decline_reason: string, waiting: number, destroyed: number,
 *   kept: number, yours: boolean }} Destruction
 * @typedef {import('../state/clinic.js').ConsultationSummary & { outcome: 'waiting' | 'destroyed' | 'kept' }} DestructionVisit
 */

const KINDS = { proposed: 'warning', confirmed: 'warning', done: 'plain', declined: 'plain' };
const REASON_LEAST = 3;

/**
 * <c-destruction .destruction>: a proposal to destroy what is due: whose it is, its visits, how far it is. A second person
 * confirms or declines. Tells `changed` with all proposals, `failed` when a step was refused.
 */
export class CDestruction extends CElement {
  static properties = {
    destruction: { attribute: false },
    _visits: { state: true },
    _busy: { state: true },
    _step: { state: true },
    _problem: { state: true },
  };

  constructor() {
    super();
    /** @type {Destruction | null} */
    this.destruction = null;
    /** @type {DestructionVisit[] | null} */
    this._visits = null;
    this._busy = false;
    /** What is about to be done. @type {'' | 'confirm' | 'decline'} */
    this._step = '';
    this._problem = '';
  }

  render() {
    const { destruction } = this;
    if (!destruction) return nothing;
    const { kind, state, waiting, destroyed, kept } = destruction;
    const count = waiting + destroyed + kept;
    return html`
      <article class="card tight stack tight" data-testid="destruction" data-state=${state}>
        <div class="row wrap">
          <h3 class="grow">${t(`destruction.heading.${kind}`, { count, day: formatDate(destruction.due_at) })}</h3>
          <c-badge kind=${KINDS[state]} text=${t(`destruction.state.${state}`)}></c-badge>
        </div>
        <ul class="stack tight small">
          <li>
            ${t('destruction.proposed_by', { name: destruction.proposed_by })}
            <span class="quiet">${formatDateTime(destruction.proposed_at)}</span>
          </li>
          ${
            destruction.confirmed_at
              ? html`<li>
                  ${t('destruction.confirmed_by', { name: destruction.confirmed_by ?? t('destruction.operator') })}
                  <span class="quiet">${formatDateTime(destruction.confirmed_at)}</span>
                </li>`
              : nothing
          }
          ${
            state === 'declined'
              ? html`<li>
                  ${t('destruction.declined_by', { name: destruction.ended_by ?? '' })}
                  <span class="quiet">${formatDateTime(destruction.ended_at ?? '')}</span>
                  <span class="block written">${destruction.decline_reason}</span>
                </li>`
              : nothing
          }
          ${state === 'confirmed' || state === 'done' ? html`<li role="status" data-testid="outcome">${t('destruction.outcome', { destroyed, kept })}</li>` : nothing}
        </ul>
        ${
          state === 'confirmed'
            ? html`<progress
                class="progress"
                max=${count}
                value=${destroyed + kept}
                aria-label=${t('destruction.state.confirmed')}
              ></progress>`
            : nothing
        }
        <details class="small" @toggle=${this._toggle}>
          <summary data-testid="destruction-visits">${t('destruction.visits', { count })}</summary>
          ${this._list()}
        </details>
        ${state === 'proposed' ? this._steps(destruction) : nothing}
      </article>
    `;
  }

  _list() {
    if (!this._visits) return html`<p class="quiet">${t('core.loading')}</p>`;
    return html`<ul class="list">
      ${this._visits.map(
        (visit) =>
          html`<li class="row wrap">
            <a class="grow" href=${`/archive/${visit.id}`}>${visit.patient.name}</a>
            <span class="quiet">${formatDate(visit.finished_at ?? visit.scheduled_at)}</span>
            ${visit.outcome === 'waiting' ? nothing : html`<span>${t(`destruction.outcome.${visit.outcome}`)}</span>`}
          </li>`,
      )}
    </ul>`;
  }

  /** @param {Destruction} destruction */
  _steps({ yours, kind }) {
    if (this._step === 'confirm') {
      return html`<div class="notice danger">
        <c-icon name="alert"></c-icon>
        <div class="grow stack tight">
          <p>${t(`destruction.confirm_text.${kind}`)}</p>
          <div class="row wrap">
            ${this._button('confirm', 'button danger', () => this._take('confirm'))} ${this._cancel()}
          </div>
        </div>
      </div>`;
    }
    if (this._step === 'decline') {
      return html`<form class="stack tight" novalidate @submit=${this._decline}>
        <div class="field">
          <label for="destruction-reason">${t('destruction.reason')}</label>
          <input
            class="input"
            id="destruction-reason"
            name="reason"
            maxlength="300"
            autocomplete="off"
            aria-describedby="destruction-problem"
            data-testid="destruction-reason"
          />
          <p class="error" id="destruction-problem" role="alert">${this._problem}</p>
        </div>
        <div class="row wrap">${this._button('decline', 'button primary')} ${this._cancel()}</div>
      </form>`;
    }
    const begin = (/** @type {'confirm' | 'decline'} */ step) => () => {
      this._step = step;
      this._problem = '';
    };
    return html`
      ${yours ? html`<p class="quiet small" data-testid="second-person">${t('destruction.second_person')}</p>` : nothing}
      <div class="row wrap">
        ${yours ? nothing : html`<button class="button danger" type="button" data-testid="begin-confirm" @click=${begin('confirm')}>${t('destruction.do.confirm')} …</button>`}
        <button class="button" type="button" data-testid="begin-decline" @click=${begin('decline')}>
          ${t(yours ? 'destruction.do.withdraw' : 'destruction.do.decline')} …
        </button>
      </div>
    `;
  }

  /** @param {'confirm' | 'decline'} step @param {string} kind @param {() => void} [action] */
  _button(step, kind, action) {
    const words = step === 'decline' && this.destruction?.yours ? 'withdraw' : step;
    return html`<button
      class=${kind}
      type=${action ? 'button' : 'submit'}
      aria-busy=${this._busy}
      ?disabled=${this._busy}
      data-testid=${`destruction-${step}`}
      @click=${action ?? nothing}
    >
      ${t(`destruction.do.${words}`)}
    </button>`;
  }

  _cancel() {
    return html`<button
      class="button"
      type="button"
      @click=${() => {
        this._step = '';
      }}
    >
      ${t('core.cancel')}
    </button>`;
  }

  /** @param {Event} event */
  async _toggle(event) {
    if (!(/** @type {HTMLDetailsElement} */ (event.target).open) || !this.destruction) return;
    try {
      this._visits = (await api.get(`/retention/destructions/${this.destruction.id}`)).visits;
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }

  /** @param {SubmitEvent} event */
  async _decline(event) {
    event.preventDefault();
    const reason = String(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get('reason')).trim();
    this._problem = reason.length < REASON_LEAST ? t('destruction.reason_missing') : '';
    if (!this._problem) await this._take('decline', { reason });
  }

  /** @param {'confirm' | 'decline'} step @param {object} [body] */
  async _take(step, body) {
    this._busy = true;
    try {
      const all = await api.post(`/retention/destructions/${this.destruction?.id}/${step}`, body);
      this._step = '';
      announce(t(`destruction.done.${step}`));
      this.emit('changed', all);
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
      this.emit('failed');
    } finally {
      this._busy = false;
    }
  }
}

customElements.define('c-destruction', CDestruction);
