// @ts-check
import { html, nothing } from 'lit';
import { handOver } from '../call.js';
import { formatDay, formatTime, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { meta } from '../net/meta.js';
import { LocalMedia } from '../rtc/devices.js';
import { navigate } from '../router.js';
import { deviceState } from '../state/devices.js';
import './call/connection-check.js';
import './call/consent-card.js';
import './call/device-check.js';
import { Page } from './element.js';
import './error-panel.js';
import './icon.js';
import './skeleton.js';

/** From the link to the waiting room: who and when, camera and microphone, the line, consent, "I'm ready". */
export class CJoin extends Page {
  static properties = {
    ...Page.properties,
    _error: { state: true },
    _consultation: { state: true },
    _consent: { state: true },
    _missing: { state: true },
  };

  constructor() {
    super();
    /** @type {unknown} */
    this._error = null;
    /** @type {any} */
    this._consultation = null;
    this._id = '';
    /** @type {'' | 'given' | 'refused'} */
    this._consent = '';
    this._consentLanguage = '';
    this._missing = false;
    this._silent = false;
    this._speaker = 'unknown';
    /** @type {number | null} */
    this._roundTrip = null;
    this._media = 'unknown';
    this._local = new LocalMedia();
    /** Whether the devices went on to the visit page. */
    this._handed = false;
  }

  get heading() {
    return t('call.join_title');
  }

  connectedCallback() {
    super.connectedCallback();
    this._open();
    this.keep(() => {
      if (!this._handed) this._local.close();
    });
  }

  async _open() {
    this._error = null;
    const secret = location.hash.slice(1);
    try {
      if (secret) {
        const { consultation } = await auth.openInvitation(secret);
        history.replaceState(null, '', `/join/${consultation}`); // the secret stays out of the address bar and the history
        this._id = consultation;
      } else {
        this._id = this.params.id ?? auth.invitedTo ?? '';
      }
      if (!auth.me || !this._id) {
        navigate('/sign-in', { replace: true });
        return;
      }
      const isGuest = auth.me.role === 'guest'; // for whom the consultation itself is absent
      this._consultation = await api.get(`/consultations/${this._id}${isGuest ? '/seat' : ''}`);
      setTimeout(() => import('./visit.js').catch(() => {}), 500); // so that the call begins without loading first
      if (this._consultation.status === 'finished') navigate(`/after/${this._id}`, { replace: true });
    } catch (error) {
      this._error = error;
    }
  }

  render() {
    if (this._error) {
      return html`<div class="page narrow">
        <c-error-panel
          .heading=${t('call.join_failed')}
          .error=${this._error}
          .retry=${() => this._open()}
        ></c-error-panel>
      </div>`;
    }
    const consultation = this._consultation;
    return html`
      <div class="page join">
        <div class="notice danger emergency" role="note">
          <c-icon name="phone"></c-icon><span>${meta.emergency}</span>
        </div>
        <div class="join-columns">
          <section class="stack" aria-label=${t('call.device_check')}>
            ${consultation ? html`<c-device-check .local=${this._local} .name=${auth.me?.name ?? ''} @silence=${this._onSilence} @speaker-tested=${this._onSpeaker}></c-device-check>` : html`<c-skeleton lines="4"></c-skeleton>`}
          </section>
          <div class="stack loose">
            ${consultation ? this._greeting(consultation) : html`<c-skeleton lines="3"></c-skeleton>`}
            ${consultation ? html`<c-connection-check @checked=${this._onChecked}></c-connection-check>` : nothing}
            <c-consent-card
              .answer=${this._consent}
              .missing=${this._missing}
              @answer=${this._onConsent}
            ></c-consent-card>
            <div class="join-go">
              <button
                class="button primary large wide"
                type="button"
                data-testid="ready"
                ?disabled=${!consultation}
                @click=${this._ready}
              >
                ${t('call.ready')}
              </button>
              <p class="quiet small">${t('call.ready_hint')}</p>
            </div>
          </div>
        </div>
      </div>
    `;
  }

  /** @param {any} consultation */
  _greeting(consultation) {
    const { clinician, department, scheduled_at: at } = consultation;
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return html`
      <header class="stack tight">
        <h1 tabindex="-1">${t('call.hello', { name: auth.me?.name ?? '' })}</h1>
        <p class="large">
          ${t('call.with_doctor', { name: clinician.name, department: language() === 'en' ? department.name_en : department.name_zh })}
        </p>
        <p class="row wrap">
          <c-icon name="calendar"></c-icon><time datetime=${at}>${formatDay(at)} ${formatTime(at)}</time
          ><span class="quiet small">${t('call.zone', { zone })}</span>
        </p>
        ${auth.me?.role === 'guest' ? html`<p>${t('call.invited')}</p>` : nothing}
      </header>
    `;
  }

  /** @param {CustomEvent<boolean>} event */
  _onSilence(event) {
    this._silent = event.detail;
  }

  /** @param {CustomEvent} event */
  _onSpeaker(event) {
    this._speaker = event.detail;
  }

  /** @param {CustomEvent} event */
  _onChecked(event) {
    this._roundTrip = event.detail.round_trip_ms;
    this._media = event.detail.media;
  }

  /** @param {CustomEvent} event */
  _onConsent(event) {
    this._consent = event.detail;
    this._consentLanguage = language(); // the words that were on the page
    this._missing = false;
  }

  _ready() {
    if (!this._consent) {
      this._missing = true;
      /** @type {HTMLElement | null} */ (this.querySelector('[name=consent]'))?.focus();
      return;
    }
    const { camera, microphone } = this._local.state.access;
    this._handed = true;
    handOver(this._id, this._local, {
      readiness: {
        camera: deviceState(camera),
        microphone: deviceState(microphone, { silent: this._silent }),
        speaker: this._speaker,
        round_trip_ms: this._roundTrip,
        media: this._media,
      },
      consent: { decision: this._consent, version: meta.consent.version, language: this._consentLanguage },
    });
    navigate(`/visit/${this._id}`);
  }
}

customElements.define('c-join', CJoin);
