// @ts-check
import { html, nothing } from 'lit';
import { t } from '../../i18n/i18n.js';
import { CElement } from '../element.js';
import '../icon.js';
import './device-choice.js';
import './level-meter.js';
import './permission-help.js';
import './tile.js';

/**
 * <c-device-check .local .name @silence @speaker-tested>: one's own picture, the level of one's voice, other devices, and
 * help when the browser gives nothing.
 */
export class CDeviceCheck extends CElement {
  static properties = { local: { attribute: false }, name: {}, _asked: { state: true } };

  constructor() {
    super();
    /** @type {import('../../rtc/devices.js').LocalMedia | null} */
    this.local = null;
    this.name = '';
    this._asked = false;
  }

  connectedCallback() {
    super.connectedCallback();
    const { local } = this;
    if (!local) return;
    this.keep(local.on('changed', () => this.requestUpdate()));
    allowedAlready().then((allowed) => {
      if (allowed) this._ask();
    });
  }

  render() {
    const { local } = this;
    if (!local) return nothing;
    const { camera, microphone } = local.state.access;
    const started = this._asked || camera !== 'unknown' || microphone !== 'unknown';
    return html`
      <div class="device-check stack">
        <div class="preview">
          <c-call-tile
            .name=${this.name}
            .track=${local.tracks.camera}
            .mirrored=${local.facing === 'user'}
            .state=${local.tracks.camera ? 'live' : 'no-picture'}
            .micOff=${started && !local.tracks.microphone}
          ></c-call-tile>
          ${started ? nothing : this._begin()}
        </div>
        ${started ? this._found(local) : nothing}
      </div>
    `;
  }

  _begin() {
    return html`
      <div class="preview-begin">
        <p>${t('call.ask_first')}</p>
        <button class="button primary" type="button" data-testid="devices-open" @click=${this._ask}>
          <c-icon name="camera"></c-icon>${t('call.ask_devices')}
        </button>
      </div>
    `;
  }

  /** @param {import('../../rtc/devices.js').LocalMedia} local */
  _found(local) {
    const { camera, microphone } = local.state.access;
    const problem = [camera, microphone].find(
      (access) => access === 'blocked' || access === 'absent' || access === 'busy',
    );
    const kind = isProblem(camera) && isProblem(microphone) ? 'both' : isProblem(camera) ? 'camera' : 'microphone';
    return html`
      ${problem ? html`<c-permission-help .access=${problem} .kind=${kind} @retry=${this._ask}></c-permission-help>` : nothing}
      ${local.tracks.microphone ? html`<c-level-meter .track=${local.tracks.microphone} .muted=${local.muted.microphone}></c-level-meter>` : nothing}
      ${
        isProblem(camera)
          ? nothing
          : html`<div class="cluster">
              <button
                class="button"
                type="button"
                data-testid="preview-camera"
                aria-pressed=${local.tracks.camera === null}
                @click=${() => local.setCamera(local.tracks.camera === null)}
              >
                <c-icon name=${local.tracks.camera ? 'camera' : 'camera-off'}></c-icon
                >${t(local.tracks.camera ? 'call.camera_stop' : 'call.camera_start')}
              </button>
            </div>`
      }
      <details class="device-more" data-testid="device-more">
        <summary>${t('call.choose_devices')}</summary>
        <c-device-choice .local=${local}></c-device-choice>
      </details>
    `;
  }

  _ask() {
    this._asked = true;
    this.local?.open({ microphone: true, camera: !this.local.muted.camera });
  }
}

/** @param {import('../../state/devices.js').Access} access */
function isProblem(access) {
  return access === 'blocked' || access === 'absent' || access === 'busy';
}

/** Whether asking would show no question, so that the picture can appear at once. */
async function allowedAlready() {
  try {
    const answers = await Promise.all(
      ['camera', 'microphone'].map((name) =>
        navigator.permissions.query({ name: /** @type {PermissionName} */ (name) }),
      ),
    );
    return answers.every((answer) => answer.state === 'granted');
  } catch {
    return false; // this browser doesn't tell beforehand
  }
}

customElements.define('c-device-check', CDeviceCheck);
