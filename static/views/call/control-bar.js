// @ts-check
import { html, nothing } from 'lit';
import { errorText, t } from '../../i18n/i18n.js';
import { CElement } from '../element.js';
import '../icon.js';
import { announce, toast } from '../toast.js';
import { isTyping } from './parts.js';
import { VoiceWatch } from './voice-watch.js';

/**
 * <c-control-bar .call=${call} .chatOpen ?chat .extra=${template} @toggle-chat @open-settings @leave>: what everybody can
 * do in the call. `extra` stands before "Leave" (the doctor's invite, record, finish). Keys: m microphone, v camera.
 */
export class CControlBar extends CElement {
  static properties = {
    call: { attribute: false },
    chat: { type: Boolean },
    chatOpen: { type: Boolean },
    extra: { attribute: false },
  };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
    /** Whether a chat button is wanted; the doctor's page has a tab instead. */
    this.chat = true;
    this.chatOpen = false;
    /** @type {unknown} */
    this.extra = nothing;
    this._voice = new VoiceWatch((trouble) => this.call?.noteMicrophone(trouble));
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) this.keep(this.call.subscribe(() => this.requestUpdate()));
    const onKey = (/** @type {KeyboardEvent} */ event) => this._onKey(event);
    document.addEventListener('keydown', onKey);
    this.keep(() => {
      document.removeEventListener('keydown', onKey);
      this._voice.stop();
    });
  }

  render() {
    const { call } = this;
    if (!call) return nothing;
    const { local } = call;
    const microphoneOn = !local.muted.microphone && local.tracks.microphone !== null;
    const cameraOn = local.tracks.camera !== null;
    return html`
      <div class="control-bar" role="group" aria-label=${t('call.controls')}>
        ${control({
          icon: microphoneOn ? 'microphone' : 'microphone-off',
          text: t(microphoneOn ? 'call.mute' : 'call.unmute'),
          off: !microphoneOn,
          testid: 'microphone',
          key: 'm',
          action: () => this._toggleMicrophone(),
        })}
        ${control({
          icon: cameraOn ? 'camera' : 'camera-off',
          text: t(cameraOn ? 'call.camera_stop' : 'call.camera_start'),
          off: !cameraOn,
          testid: 'camera',
          key: 'v',
          action: () => this._toggleCamera(),
        })}
        ${
          local.canFlip && cameraOn && isTouch()
            ? control({ icon: 'flip', text: t('call.flip'), testid: 'flip', action: () => call.flipCamera() })
            : nothing
        }
        ${local.canShareScreen ? this._share(call) : nothing} ${this.chat ? this._chat(call) : nothing}
        ${control({ icon: 'settings', text: t('call.more'), testid: 'settings', action: () => this.emit('open-settings') })}
        ${this.extra}
        ${control({ icon: 'hangup', text: t('call.leave'), testid: 'leave', kind: 'leave', action: () => this.emit('leave') })}
      </div>
    `;
  }

  updated() {
    const local = this.call?.local;
    if (local) this._voice.watch(local.tracks.microphone, local.muted.microphone);
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _share(call) {
    const sharing = call.local.tracks.screen !== null;
    return control({
      icon: 'screen',
      text: t(sharing ? 'call.share_stop' : 'call.share'),
      pressed: sharing,
      testid: 'share-screen',
      kind: 'wide-only',
      action: () => (sharing ? call.stopScreen() : call.shareScreen()),
    });
  }

  /** @param {import('../../state/call-controller.js').CallController} call */
  _chat(call) {
    const count = this.chatOpen ? 0 : call.unread;
    return html`
      <button
        class="control"
        type="button"
        data-testid="chat"
        aria-pressed=${this.chatOpen}
        @click=${() => this.emit('toggle-chat')}
      >
        <span class="control-icon"
          ><c-icon name="chat"></c-icon>
          ${count > 0 ? html`<span class="count" aria-hidden="true">${count}</span>` : nothing}</span
        >
        <span class="control-text">${t('call.chat')}</span>
        ${count > 0 ? html`<span class="visually-hidden">${t('call.unread', { count })}</span>` : nothing}
      </button>
    `;
  }

  async _toggleMicrophone() {
    const { call } = this;
    if (!call) return;
    const on = call.local.muted.microphone || call.local.tracks.microphone === null;
    await call.setMicrophone(on);
    const works = call.local.tracks.microphone !== null;
    if (on && !works) toast(t(`call.microphone_${call.local.state.access.microphone}`), { kind: 'warning' });
    announce(t(on && works ? 'call.microphone_is_on' : 'call.microphone_is_off'));
  }

  async _toggleCamera() {
    const { call } = this;
    if (!call) return;
    const on = call.local.tracks.camera === null;
    await call.setCamera(on);
    const works = call.local.tracks.camera !== null;
    if (on && !works) toast(t(`call.camera_${call.local.state.access.camera}`), { kind: 'warning' });
    announce(t(works ? 'call.camera_is_on' : 'call.camera_is_off'));
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event))
      return;
    if (document.querySelector('dialog[open]')) return;
    const key = event.key.toLowerCase();
    if (key === 'm') this._toggleMicrophone().catch((error) => toast(errorText(error), { kind: 'danger' }));
    else if (key === 'v') this._toggleCamera().catch((error) => toast(errorText(error), { kind: 'danger' }));
  }
}

/**
 * One control: icon with its words below. Also for the doctor's own controls.
 * @param {{ icon: string, text: string, testid: string, action: () => unknown, off?: boolean, pressed?: boolean, kind?: string,
 *   key?: string, disabled?: boolean }} about
 */
export function control({ icon, text, testid, action, off = false, pressed, kind = '', key = '', disabled = false }) {
  return html`
    <button
      class=${`control ${off ? 'off' : ''} ${kind}`}
      type="button"
      data-testid=${testid}
      aria-pressed=${pressed ?? nothing}
      aria-keyshortcuts=${key || nothing}
      title=${key ? `${text} (${key.toUpperCase()})` : nothing}
      ?disabled=${disabled}
      @click=${action}
    >
      <span class="control-icon"><c-icon name=${icon}></c-icon></span><span class="control-text">${text}</span>
    </button>
  `;
}

function isTouch() {
  return matchMedia('(pointer: coarse)').matches;
}

customElements.define('c-control-bar', CControlBar);
