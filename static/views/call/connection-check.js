// @ts-check
import { html } from 'lit';
import { t } from '../../i18n/i18n.js';
import { session } from '../../net/session.js';
import { CElement } from '../element.js';
import '../icon.js';

const ROUNDS = 3;
const SLOW_MS = 400;
const SOCKET_MS = 8000;

/**
 * The line to the clinic in one sentence: whether its server answers, how fast, whether a lasting connection stands, and
 * whether this browser can carry sound and picture. Emits `checked` with { round_trip_ms }.
 */
export class CConnectionCheck extends CElement {
  static properties = { _state: { state: true }, _roundTrip: { state: true } };

  constructor() {
    super();
    /** @type {'checking' | 'good' | 'slow' | 'no_media' | 'failed'} */
    this._state = 'checking';
    this._roundTrip = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this._check();
  }

  render() {
    const icons = { checking: 'wifi', good: 'check', slow: 'signal-low', no_media: 'alert', failed: 'wifi-off' };
    const tone = {
      checking: '',
      good: 'good-text',
      slow: 'warning-text',
      no_media: 'warning-text',
      failed: 'warning-text',
    };
    return html`
      <p class=${`row ${tone[this._state]}`} role="status" data-testid="connection" data-state=${this._state}>
        <c-icon name=${icons[this._state]}></c-icon>
        <span>${t(`call.connection_${this._state}`, { milliseconds: this._roundTrip })}</span>
        ${
          this._state === 'failed'
            ? html`<button class="link-button" type="button" @click=${this._check}>${t('core.try_again')}</button>`
            : ''
        }
      </p>
    `;
  }

  async _check() {
    this._state = 'checking';
    try {
      this._roundTrip = await roundTrip();
      await socketStands();
      this._state = !canCarryMedia() ? 'no_media' : this._roundTrip > SLOW_MS ? 'slow' : 'good';
      this.emit('checked', { round_trip_ms: this._roundTrip });
    } catch {
      this._state = 'failed';
      this.emit('checked', { round_trip_ms: null });
    }
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
