// @ts-check
import { html, nothing } from 'lit';
import { t } from '../../i18n/i18n.js';
import { playTestTone } from '../../rtc/meter.js';
import { CElement } from '../element.js';
import '../icon.js';

/**
 * <c-device-choice .local=${local} ?speakerTest>: which camera, microphone and speaker; changes take effect at once, in
 * the call too.
 */
export class CDeviceChoice extends CElement {
  static properties = { local: { attribute: false }, speakerState: {}, _playing: { state: true } };

  constructor() {
    super();
    /** @type {import('../../rtc/devices.js').LocalMedia | null} */
    this.local = null;
    /** What the person answered about the test tone. @type {'unknown' | 'ok' | 'silent'} */
    this.speakerState = 'unknown';
    this._playing = false;
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.local) this.keep(this.local.on('changed', () => this.requestUpdate()));
    this.local?.refresh();
  }

  render() {
    if (!this.local) return nothing;
    return html`<div class="stack">${this._select('camera')} ${this._select('microphone')} ${this._speaker()}</div>`;
  }

  /** @param {import('../../state/devices.js').Kind} kind */
  _select(kind) {
    const local = /** @type {import('../../rtc/devices.js').LocalMedia} */ (this.local);
    const devices = local.state.found[kind];
    const track = kind === 'speaker' ? null : local.tracks[kind];
    const current = track?.getSettings?.().deviceId ?? local.state.chosen[kind]?.id ?? '';
    const id = `choose-${kind}`;
    return html`
      <div class="field">
        <label for=${id}>${t(`call.${kind}`)}</label>
        <select
          id=${id}
          data-testid=${id}
          ?disabled=${devices.length === 0}
          @change=${(/** @type {Event} */ event) => this._choose(kind, event)}
        >
          ${devices.length === 0 ? html`<option>${t('call.device_default')}</option>` : nothing}
          ${devices.map(
            (device, index) => html`
              <option value=${device.id} .selected=${device.id === current}>
                ${device.label || t('call.device_numbered', { kind: t(`call.${kind}`), number: index + 1 })}
              </option>
            `,
          )}
        </select>
      </div>
    `;
  }

  _speaker() {
    const choosable = 'setSinkId' in HTMLMediaElement.prototype && (this.local?.state.found.speaker.length ?? 0) > 0;
    return html`
      ${choosable ? this._select('speaker') : html`<p class="label">${t('call.speaker')}</p>`}
      <div class="cluster">
        <button class="button" type="button" data-testid="speaker-test" aria-busy=${this._playing} @click=${this._test}>
          <c-icon name="speaker"></c-icon>${t('call.speaker_test')}
        </button>
        ${this.speakerState === 'ok' ? html`<span class="row good-text" role="status"><c-icon name="check"></c-icon>${t('call.speaker_ok')}</span>` : nothing}
      </div>
    `;
  }

  /** @param {import('../../state/devices.js').Kind} kind @param {Event} event */
  _choose(kind, event) {
    const id = /** @type {HTMLSelectElement} */ (event.target).value;
    const device = this.local?.state.found[kind].find((item) => item.id === id);
    if (device) this.local?.choose(kind, device);
  }

  async _test() {
    this._playing = true;
    try {
      await playTestTone(this.local?.state.chosen.speaker?.id);
      this.speakerState = 'ok';
      this.emit('speaker-tested', 'ok');
    } catch {
      this.emit('speaker-tested', 'unknown');
    } finally {
      this._playing = false;
    }
  }
}

customElements.define('c-device-choice', CDeviceChoice);
