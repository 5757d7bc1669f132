// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDateTime, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { CElement } from './element.js';
import { Resource } from './resource.js';
import { announce, toast } from './toast.js';
import './badge.js';
import './icon.js';

/**
 * @typedef {{ id: string, state: 'asked' | 'set' | 'lift_asked' | 'lifted' | 'withdrawn', reason: string, asked_by: string,
 *   asked_at: string, set_by: string | null, set_at: string | null, lift_reason: string, lift_asked_by: string | null,
 *   lift_asked_at: string | null, ended_by: string | null, ended_at: string | null, mine: boolean }} Hold
 */

const REASON_LEAST = 3;
const OPEN = new Set(['asked', 'set', 'lift_asked']);
const KINDS = { asked: 'warning', set: 'good', lift_asked: 'warning', lifted: 'plain', withdrawn: 'plain' };
/** What a second person may confirm. */
const CONFIRMS = { asked: 'confirm', lift_asked: 'lift' };

/** <c-legal-hold .consultation>: the hold on a visit, what may be done about it, and the holds before it. */
export class CLegalHold extends CElement {
  static properties = { consultation: { type: String }, _busy: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    this.consultation = '';
    this._busy = false;
    this._problem = '';
    /** @type {Resource<{ holds: Hold[] }>} */
    this._holds = new Resource(this, () => api.get(`/archive/${this.consultation}/holds`));
  }

  render() {
    return html`
      <section class="card tight stack tight" aria-labelledby="hold-title" data-testid="legal-hold">
        <h2 id="hold-title"><c-icon name="lock"></c-icon> ${t('hold.title')}</h2>
        ${this._holds.render(({ holds }) => this._shown(holds), { lines: 2 })}
      </section>
    `;
  }

  /** @param {Hold[]} holds */
  _shown([newest, ...before]) {
    const present = newest && OPEN.has(newest.state) ? newest : null;
    const ended = present || !newest ? before : [newest, ...before];
    return html`
      ${present ? this._present(present) : html`<p class="quiet" data-testid="no-hold">${t('hold.none')}</p>`}
      ${present && present.state !== 'set' ? this._confirmation(present) : this._request(present ? 'ask_lift' : 'ask')}
      ${
        ended.length > 0
          ? html`<details class="small" data-testid="earlier-holds">
              <summary>${t('hold.earlier', { count: ended.length })}</summary>
              ${ended.map((hold) => this._steps(hold))}
            </details>`
          : nothing
      }
    `;
  }

  /** @param {Hold} hold */
  _present(hold) {
    return html`
      <div data-testid="hold" data-state=${hold.state}>
        <c-badge kind=${KINDS[hold.state]} icon="lock" text=${t(`hold.state.${hold.state}`)}></c-badge>
      </div>
      ${this._steps(hold)}
    `;
  }

  /** @param {Hold} hold */
  _steps(hold) {
    /** @type {[string, string | null, string | null, string][]} */
    const steps = [
      ['asked', hold.asked_by, hold.asked_at, hold.reason],
      ['set', hold.set_by, hold.set_at, ''],
      ['lift_asked', hold.lift_asked_by, hold.lift_asked_at, hold.lift_reason],
      [hold.state, hold.ended_by, hold.ended_at, ''],
    ];
    return html`
      <ul class="stack tight small">
        ${steps
          .filter(([, , at]) => at)
          .map(
            ([step, name, at, reason]) => html`
              <li>
                <span class="strong">${t(`hold.step.${step}`, { name: name ?? '' })}</span>
                <span class="quiet">${formatDateTime(at ?? '')}</span>
                ${reason ? html`<span class="block written">${reason}</span>` : nothing}
              </li>
            `,
          )}
      </ul>
    `;
  }

  /** @param {Hold} hold */
  _confirmation(hold) {
    const step = CONFIRMS[/** @type {'asked' | 'lift_asked'} */ (hold.state)];
    return html`
      ${hold.mine ? html`<p class="quiet" data-testid="second-person">${t('hold.second_person')}</p>` : nothing}
      <div class="row wrap">
        ${hold.mine ? nothing : this._button(step, 'button primary', () => this._take(step))}
        ${this._button('withdraw', 'button', () => this._take('withdraw'))}
      </div>
    `;
  }

  /** @param {'ask' | 'ask_lift'} step */
  _request(step) {
    return html`
      <details>
        <summary data-testid=${`hold-open-${step}`}>${t(`hold.open.${step}`)}</summary>
        <form
          class="stack tight"
          novalidate
          @submit=${(/** @type {SubmitEvent} */ event) => {
            event.preventDefault();
            this._ask(step, /** @type {HTMLFormElement} */ (event.target));
          }}
        >
          <p class="small quiet">${t(`hold.text.${step}`)}</p>
          <div class="field">
            <label for="hold-reason">${t('hold.reason')}</label>
            <textarea
              id="hold-reason"
              name="reason"
              rows="2"
              maxlength="300"
              aria-describedby="hold-problem"
              data-testid="hold-reason"
            ></textarea>
            <p class="error" id="hold-problem" role="alert">${this._problem}</p>
          </div>
          <div>${this._button(step, 'button primary')}</div>
        </form>
      </details>
    `;
  }

  /** @param {string} step @param {string} kind @param {() => void} [action] */
  _button(step, kind, action) {
    return html`<button
      class=${kind}
      type=${action ? 'button' : 'submit'}
      aria-busy=${this._busy}
      ?disabled=${this._busy}
      data-testid=${`hold-${step}`}
      @click=${action ?? nothing}
    >
      ${t(`hold.do.${step}`)}
    </button>`;
  }

  /** @param {'ask' | 'ask_lift'} step @param {HTMLFormElement} form */
  async _ask(step, form) {
    const reason = String(new FormData(form).get('reason')).trim().replaceAll('\n', ' ');
    this._problem = reason.length < REASON_LEAST ? t('hold.reason_missing') : '';
    if (this._problem) return;
    await this._take(step, reason);
    form.reset();
  }

  /** @param {string} step @param {string} [reason] */
  async _take(step, reason = '') {
    this._busy = true;
    try {
      this._holds.value = await api.post(`/archive/${this.consultation}/holds`, { step, reason });
      announce(t(`hold.done.${step}`));
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
      this._holds.load();
    } finally {
      this._busy = false;
    }
  }
}

customElements.define('c-legal-hold', CLegalHold);
