// @ts-check
import { html, nothing } from 'lit';
import { formatList, t } from '../../i18n/i18n.js';
import { agreed, isRecording } from '../../state/room.js';
import { CElement } from '../element.js';
import '../icon.js';

/** Always in view while recording: that it is on, and who agreed. And when storage took it away: that it is off. */
export class CRecordingBanner extends CElement {
  static properties = { call: { attribute: false } };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) this.keep(this.call.subscribe(() => this.requestUpdate()));
  }

  render() {
    if (!this.call) return nothing;
    if (!isRecording(this.call.room)) return this._lost();
    const names = agreed(this.call.room).map((person) => person.name);
    return html`
      <div class="recording-banner" role="status" data-testid="recording-banner">
        <span class="recording-dot" aria-hidden="true"></span>
        <strong>${t('call.recording')}</strong>
        <span class="recording-names"
          >${names.length > 0 ? t('call.recording_agreed', { names: formatList(names) }) : t('call.recording_agreed_all')}</span
        >
      </div>
    `;
  }

  _lost() {
    if (this.call?.room.recording?.stopReason !== 'storage_failed') return nothing;
    return html`
      <div class="recording-banner lost" role="status" data-testid="not-recording">
        <c-icon name="alert"></c-icon>
        <strong>${t('call.not_recording')}</strong>
        <span class="recording-names">${t(this.call.isDoctor ? 'call.not_recording_doctor' : 'call.not_recording_others')}</span>
      </div>
    `;
  }
}

customElements.define('c-recording-banner', CRecordingBanner);
