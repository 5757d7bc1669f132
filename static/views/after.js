// @ts-check
import { html, nothing } from 'lit';
import { formatDay, formatTime, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { meta } from '../net/meta.js';
import { Page } from './element.js';
import './icon.js';
import './skeleton.js';

/** After the visit: that it is over, what happens now, what was recorded, and whom to call. */
export class CAfter extends Page {
  static properties = {
    ...Page.properties,
    _consultation: { state: true },
    _without: { state: true },
    _left: { state: true },
  };

  constructor() {
    super();
    /** @type {any} */
    this._consultation = null;
    this._without = false;
    /** What was written to the patient and not read. @type {{ at: string, author_name: string, text: string | null, files: string[] }[]} */
    this._left = [];
  }

  get heading() {
    return t('call.after_title');
  }

  async connectedCallback() {
    super.connectedCallback();
    if (auth.me?.role === 'guest') {
      this._without = true;
      return;
    }
    try {
      this._consultation = await api.get(`/consultations/${this.params.id}`);
    } catch {
      this._without = true; // the page says the essential all the same
    }
    if (auth.me?.role !== 'patient') return;
    const left = await api.get(`/consultations/${this.params.id}/left-messages`).catch(() => null);
    this._left = left?.messages ?? [];
  }

  render() {
    const patient = auth.me?.role === 'patient';
    return html`
      <div class="page narrow after" data-testid="after">
        <div class="after-mark"><c-icon class="big" name="check"></c-icon></div>
        <h1 tabindex="-1">${t('call.after_title')}</h1>
        <p class="large">${t(patient ? 'call.after_thanks' : 'call.after_thanks_guest')}</p>
        ${this._messages()} ${this._summary()}
        ${
          patient
            ? html`<section class="card stack tight">
                <h2>${t('call.next')}</h2>
                <ul class="ticks">
                  ${['after_note', 'after_questions'].map((key) => html`<li><c-icon name="check"></c-icon><span>${t(`call.${key}`)}</span></li>`)}
                </ul>
              </section>`
            : nothing
        }
        <div class="notice danger emergency" role="note">
          <c-icon name="phone"></c-icon><span>${meta.emergency}</span>
        </div>
        ${patient && !auth.invitedTo ? html`<a class="button primary" href="/home">${t('call.after_home')}</a>` : nothing}
        <p class="quiet">${t('call.after_close')}</p>
      </div>
    `;
  }

  /** Nobody comes to the chat of a finished visit: what was left for the patient stands here. */
  _messages() {
    if (this._left.length === 0) return nothing;
    return html`
      <section class="card stack tight" data-testid="left-messages">
        <h2>${t('call.after_messages')}</h2>
        <ul class="left-messages">
          ${this._left.map(
            ({ at, author_name: author, text, files }) => html`
              <li>
                <p class="quiet">${author} · ${formatDay(at)} ${formatTime(at)}</p>
                ${text ? html`<p class="left-text">${text}</p>` : nothing}
                ${files.map((name) => html`<p class="row"><c-icon name="file"></c-icon><span>${name}</span></p>`)}
              </li>
            `,
          )}
        </ul>
      </section>
    `;
  }

  _summary() {
    const consultation = this._consultation;
    if (this._without) return nothing;
    if (!consultation) return html`<c-skeleton lines="3"></c-skeleton>`;
    const {
      clinician,
      department,
      started_at: started,
      finished_at: finished,
      recording_state: recording,
    } = consultation;
    return html`
      <section class="card">
        <dl class="facts">
          <dt>${t('core.role_clinician')}</dt>
          <dd>${clinician.name}</dd>
          <dt>${t('call.department')}</dt>
          <dd>${language() === 'en' ? department.name_en : department.name_zh}</dd>
          ${
            started
              ? html`<dt>${t('call.date')}</dt>
                  <dd>
                    ${formatDay(started)} ${formatTime(started)}${finished ? html`–${formatTime(finished)}` : nothing}
                  </dd>`
              : nothing
          }
          <dt>${t('call.after_recording')}</dt>
          <dd>${recording ? t('call.after_recorded') : t('call.after_not_recorded')}</dd>
        </dl>
      </section>
    `;
  }
}

customElements.define('c-after', CAfter);
