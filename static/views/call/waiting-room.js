// @ts-check
import { html, nothing } from 'lit';
import { formatTime, language, t } from '../../i18n/i18n.js';
import { meta } from '../../net/meta.js';
import { CElement } from '../element.js';
import '../icon.js';
import './chat-panel.js';
import './device-choice.js';
import './level-meter.js';
import './tile.js';

/** Before the doctor calls (or while on hold): what happens next, what to prepare, one's own picture, the chat. */
export class CWaitingRoom extends CElement {
  static properties = { call: { attribute: false } };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) {
      this.keep(this.call.subscribe(() => this.requestUpdate()));
      this.keep(this.call.local.on('changed', () => this.requestUpdate()));
    }
  }

  render() {
    const { call } = this;
    if (!call?.about) return nothing;
    const guest = call.you?.role === 'guest';
    return html`
      <div class="page waiting" data-testid="waiting-room">
        <div class="notice danger emergency" role="note">
          <c-icon name="phone"></c-icon><span>${meta.emergency}</span>
        </div>
        <div class="waiting-columns">
          <div class="stack loose">
            ${this._state(call)} ${this._next(call)}
            ${
              guest
                ? nothing
                : html`<section class="card stack tight">
                    <h2>${t('call.prepare')}</h2>
                    <ul class="ticks">
                      ${['prepare_place', 'prepare_papers', 'prepare_measurements'].map((key) => html`<li><c-icon name="check"></c-icon><span>${t(`call.${key}`)}</span></li>`)}
                    </ul>
                  </section>`
            }
          </div>
          <aside class="stack">
            ${this._preview(call)}
            ${
              guest
                ? nothing
                : html`<section class="card chat-card">
                    <h2>${t('call.chat_waiting')}</h2>
                    <c-chat-panel .call=${call}></c-chat-panel>
                  </section>`
            }
          </aside>
        </div>
      </div>
    `;
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _state(call) {
    const about = /** @type {NonNullable<typeof call.about>} */ (call.about);
    const department = language() === 'en' ? about.department_en : about.department_zh;
    return html`
      <header class="stack tight">
        <h1 tabindex="-1">${call.me?.held ? t('call.held_title') : t('call.waiting_title')}</h1>
        <p class="large" role="status" data-testid="waiting-text">
          ${call.me?.held ? t('call.held_text', { name: about.clinician_name }) : t('call.waiting_text', { name: about.clinician_name })}
        </p>
        <p class="quiet">
          ${t('call.with_doctor', { name: about.clinician_name, department })} ·
          ${t('call.planned_at', { time: formatTime(about.scheduled_at) })}
        </p>
        ${call.link === 'connected' ? nothing : html`<p class="row warning-text" role="status"><c-icon name="wifi-off"></c-icon>${t('call.reconnecting')}</p>`}
      </header>
    `;
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _next(call) {
    const steps = call.me?.held ? ['next_held', 'next_sound'] : ['next_told', 'next_sound', 'next_leave'];
    return html`
      <section class="card stack tight">
        <h2>${t('call.next')}</h2>
        <ol class="steps">
          ${steps.map((key) => html`<li>${t(`call.${key}`)}</li>`)}
        </ol>
      </section>
    `;
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _preview(call) {
    const { local } = call;
    return html`
      <section class="stack" aria-label=${t('call.own_picture')}>
        <div class="preview small">
          <c-call-tile
            .name=${t('call.you')}
            .person=${call.you?.name ?? ''}
            .track=${local.tracks.camera}
            .mirrored=${local.facing === 'user'}
            .state=${local.tracks.camera ? 'live' : 'no-picture'}
            .micOff=${local.muted.microphone || !local.tracks.microphone}
          ></c-call-tile>
        </div>
        <c-level-meter .track=${local.tracks.microphone} .muted=${local.muted.microphone}></c-level-meter>
        <div class="cluster">
          <button
            class="button"
            type="button"
            data-testid="waiting-microphone"
            aria-pressed=${local.muted.microphone}
            @click=${() => call.setMicrophone(local.muted.microphone)}
          >
            <c-icon name=${local.muted.microphone ? 'microphone-off' : 'microphone'}></c-icon
            >${t(local.muted.microphone ? 'call.unmute' : 'call.mute')}
          </button>
          <button
            class="button"
            type="button"
            data-testid="waiting-camera"
            aria-pressed=${!local.tracks.camera}
            @click=${() => call.setCamera(!local.tracks.camera)}
          >
            <c-icon name=${local.tracks.camera ? 'camera' : 'camera-off'}></c-icon
            >${t(local.tracks.camera ? 'call.camera_stop' : 'call.camera_start')}
          </button>
          <button class="button" type="button" data-testid="settings" @click=${() => this.emit('open-settings')}>
            <c-icon name="settings"></c-icon>${t('call.settings')}
          </button>
          <button class="button quiet" type="button" data-testid="leave" @click=${() => this.emit('leave')}>
            ${t('call.leave_waiting')}
          </button>
        </div>
      </section>
    `;
  }
}

customElements.define('c-waiting-room', CWaitingRoom);
