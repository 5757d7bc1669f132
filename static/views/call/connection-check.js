// @ts-check
import { html, nothing } from 'lit';
import { t } from '../../i18n/i18n.js';
import { session } from '../../net/session.js';
import { probeMedia } from '../../rtc/probe.js';
import { CElement } from '../element.js';
import '../icon.js';

const ROUNDS = 3;
const SLOW_MS = 400;
const SOCKET_MS = 8000;

/**
 * The line to the clinic in one sentence: whether its server answers, how fast, whether a lasting connection stands, and
 * whether sound and picture will get through. Emits `checked` with { round_trip_ms, media: 'ok' | 'blocked' | 'unknown' }
 * as soon as the one is known, and again with the other; nothing that is found here keeps anybody from going on.
 */
export class CConnectionCheck extends CElement {
  static properties = { _state: { state: true }, _roundTrip: { state: true }, _port: { state: true } };

  constructor() {
    super();
    /** @type {'checking' | 'good' | 'slow' | 'blocked' | 'no_media' | 'failed'} */
    this._state = 'checking';
    this._roundTrip = 0;
    this._port = '';
    /** Ends what is being tried. */
    this._leaving = new AbortController();
  }

  connectedCallback() {
    super.connectedCallback();
    this._leaving = new AbortController();
    this.keep(() => this._leaving.abort());
    this._check();
  }

  render() {
    const state = this._state;
    const icons = {
      checking: 'wifi',
      good: 'check',
      slow: 'signal-low',
      blocked: 'alert',
      no_media: 'alert',
      failed: 'wifi-off',
    };
    const tone = state === 'checking' ? '' : state === 'good' ? 'good-text' : 'warning-text';
    const again = state === 'failed' || state === 'blocked';
    return html`
      <div class=${`row ${tone}`} role="status" data-testid="connection" data-state=${state}>
        <c-icon name=${icons[state]}></c-icon>
        <div class="stack tight">
          <p>${t(`call.connection_${state}`, { milliseconds: this._roundTrip })}</p>
          ${state === 'blocked' ? html`<p class="quiet">${t('call.connection_blocked_help', { port: this._port })}</p>` : nothing}
          ${
            again
              ? html`<p>
                  <button class="link-button" type="button" data-testid="connection-again" @click=${this._check}>
                    ${t('core.try_again')}
                  </button>
                </p>`
              : nothing
          }
        </div>
      </div>
    `;
  }

  async _check() {
    const { signal } = this._leaving;
    this._state = 'checking';
    try {
      this._roundTrip = await roundTrip();
      await socketStands();
      this.emit('checked', { round_trip_ms: this._roundTrip, media: 'unknown' });
      const found = await this._tryMedia(signal);
      if (signal.aborted) return;
      this._state = found;
      const media = found === 'good' || found === 'slow' ? 'ok' : 'blocked';
      this.emit('checked', { round_trip_ms: this._roundTrip, media });
    } catch {
      if (signal.aborted) return;
      this._state = 'failed';
      this.emit('checked', { round_trip_ms: null, media: 'unknown' });
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<'good' | 'slow' | 'blocked' | 'no_media'>} */
  async _tryMedia(signal) {
    if (!canCarryMedia()) return 'no_media';
    const { through, port } = await probeMedia({ session, signal });
    this._port = port;
    if (!through) return 'blocked';
    return this._roundTrip > SLOW_MS ? 'slow' : 'good';
  }
}

/** The fastest of a few small requests, in milliseconds. */
async function roundTrip() {
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    const response = await fetch('/healthz', { cache: 'no-store' });
    if (!response.ok) throw new Error('no answer');
    fastest = Math.min(fastest, performance.now() - begin);
  }
  return Math.round(fastest);
}

/** @returns {Promise<void>} */
function socketStands() {
  session.open();
  if (session.status === 'connected') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      end();
      reject(new Error('no connection'));
    }, SOCKET_MS);
    const end = session.on('connected', () => {
      clearTimeout(timer);
      end();
      resolve();
    });
  });
}

function canCarryMedia() {
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.('video')?.codecs ?? [];
  return codecs.some((codec) => codec.mimeType.toLowerCase() === 'video/vp8');
}

customElements.define('c-connection-check', CConnectionCheck);
