// @ts-check
import { html, nothing } from 'lit';
import { t } from '../../i18n/i18n.js';
import { Meter } from '../../rtc/meter.js';
import { CElement } from '../element.js';
import '../icon.js';

const QUIET_MS = 7000; // nothing heard for so long: say so
const DEAD_MS = 2500; // not even noise: the microphone is switched off

/**
 * <c-level-meter .track ?muted @silence>: a bar that moves with the voice, and "we can't hear you" when it doesn't.
 * Emits `silence` with true when nothing is heard for long, with false when something is again.
 */
export class CLevelMeter extends CElement {
  static properties = {
    track: { attribute: false },
    muted: { type: Boolean },
    silent: { type: Boolean, reflect: true },
    _heard: { state: true },
  };

  constructor() {
    super();
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    this.muted = false;
    this.silent = false;
    this._heard = false;
    /** @type {Meter | null} */
    this._meter = null;
    this._since = 0;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._meter?.close();
    this._meter = null;
  }

  /** @param {import('lit').PropertyValues} changed */
  updated(changed) {
    if (!changed.has('track')) return;
    this._meter?.close();
    this._meter = null;
    if (!this.track) return;
    this._since = performance.now();
    this._heard = false;
    this._meter = new Meter(this.track);
    this._meter.on('reading', (reading) => this._onReading(reading));
  }

  render() {
    return html`
      <div
        class="level"
        role="meter"
        aria-label=${t('call.level')}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow="0"
        data-testid="level"
      >
        <c-icon name=${this.muted ? 'microphone-off' : 'microphone'}></c-icon>
        <div class="level-track"><div class="level-bar"></div></div>
      </div>
      <p class="small level-words" role="status">
        ${
          this.silent
            ? html`<span class="row warning-text" data-testid="not-heard"
                ><c-icon name="alert"></c-icon>${t('call.not_heard')}</span
              >`
            : this._heard
              ? html`<span class="row good-text" data-testid="heard"
                  ><c-icon name="check"></c-icon>${t('call.heard')}</span
                >`
              : this.track
                ? t('call.say_something')
                : nothing
        }
      </p>
    `;
  }

  /** Ten times a second, so past the renderer. @param {import('../../rtc/meter.js').Reading} reading */
  _onReading({ level, speaking, heard, deadMs }) {
    const bar = /** @type {HTMLElement | null} */ (this.querySelector('.level-bar'));
    if (bar) bar.style.transform = `scaleX(${level.toFixed(3)})`;
    this.querySelector('.level')?.setAttribute('aria-valuenow', String(Math.round(level * 100)));
    if (speaking) this._heard = true;
    const quiet = !heard && performance.now() - this._since > QUIET_MS;
    const silent = !this.muted && (deadMs > DEAD_MS || quiet);
    if (silent !== this.silent) this.emit('silence', silent);
    this.silent = silent;
  }
}

customElements.define('c-level-meter', CLevelMeter);
