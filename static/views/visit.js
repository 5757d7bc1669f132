// @ts-check
import { html, nothing } from 'lit';
import { openCall, rememberReady, takeOver } from '../call.js';
import { t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { playSignal } from '../rtc/meter.js';
import { navigate } from '../router.js';
import './call/chat-panel.js';
import './call/control-bar.js';
import { focusWhenDrawn, isBusyWriting } from './call/parts.js';
import './call/settings-dialog.js';
import './call/stage.js';
import './call/waiting-room.js';
import './app-shell.js';
import { Page } from './element.js';
import './error-panel.js';
import './skeleton.js';
import { announce, dismissToasts, toast } from './toast.js';

const WIDE = '(min-width: 900px)';

/** The visit for patient and guest: waiting room, call, and what to say when neither is possible. */
export class CVisit extends Page {
  static properties = { ...Page.properties, _chatOpen: { state: true }, _settings: { state: true } };

  constructor() {
    super();
    /** @type {import('../state/call-controller.js').CallController | null} */
    this._call = null;
    this._chatOpen = matchMedia(WIDE).matches;
    this._settings = false;
    this._phase = '';
    this._called = false;
    /** @type {WakeLockSentinel | null} */
    this._awake = null;
  }

  get heading() {
    const phase = this._call?.phase;
    if (phase === 'waiting') return t('call.waiting_title');
    if (phase === 'call') return this._called ? t('call.title_called') : t('call.title');
    return t('call.title');
  }

  connectedCallback() {
    super.connectedCallback();
    const id = this.params.id;
    const ready = takeOver(id);
    if (!ready) {
      navigate(`/join/${id}`, { replace: true });
      return;
    }
    const { local, prepared } = ready;
    const call = openCall(id, { local, prepared });
    this._call = call;
    this.keep(call.subscribe(() => this._onChange()));
    this.keep(call.onNotice((notice) => this._onNotice(notice)));
    this.keep(local.on('changed', () => rememberReady(id, local)));
    const onVisible = () => this._onVisible();
    document.addEventListener('visibilitychange', onVisible);
    this.keep(() => {
      document.removeEventListener('visibilitychange', onVisible);
      call.end();
      local.close();
      this._awake?.release();
    });
    local.open({ microphone: true, camera: !local.muted.camera });
    call.enter();
    this._stayAwake();
  }

  render() {
    const call = this._call;
    if (!call) return nothing;
    switch (call.phase) {
      case 'waiting':
        return html`
          <c-waiting-room .call=${call} @leave=${this._leave} @open-settings=${this._openSettings}></c-waiting-room>
          ${this._settingsDialog(call)}
        `;
      case 'call':
        return this._inCall(call);
      case 'left':
        return this._message('door', 'call.left_title', 'call.left_text', this._again(t('call.come_back')));
      case 'seat_taken':
        return this._message('screen', 'call.taken_title', 'call.taken_text', this._again(t('call.take_back')));
      case 'removed':
        return this._message('info', 'call.removed_title', 'call.removed_text', nothing);
      case 'refused':
        return html`<div class="page narrow">
          <c-error-panel
            .heading=${t('call.refused_title')}
            .error=${call.error}
            .retry=${() => call.enter()}
          ></c-error-panel>
        </div>`;
      case 'finished':
        return nothing;
      default:
        return html`<div class="visit-entering" role="status">
          <span class="turning" aria-hidden="true"></span>
          <p>${t('call.entering')}</p>
        </div>`;
    }
  }

  /** @param {import('../state/call-controller.js').CallController} call */
  _inCall(call) {
    return html`
      <div class=${this._chatOpen ? 'call with-chat' : 'call'} data-testid="call">
        <h1 class="visually-hidden" tabindex="-1">${t('call.title')}</h1>
        <c-call-stage .call=${call} @write=${this._write} @choose-microphone=${this._openSettings}></c-call-stage>
        ${
          this._chatOpen
            ? html`<aside class="call-side">
                <c-chat-panel .call=${call} .closable=${true} @close=${this._toggleChat}></c-chat-panel>
              </aside>`
            : nothing
        }
        <c-control-bar
          .call=${call}
          .chatOpen=${this._chatOpen}
          @toggle-chat=${this._toggleChat}
          @open-settings=${this._openSettings}
          @leave=${this._leave}
        ></c-control-bar>
      </div>
      ${this._settingsDialog(call)}
    `;
  }

  /** @param {import('../state/call-controller.js').CallController} call */
  _settingsDialog(call) {
    return html`<c-call-settings
      .call=${call}
      .open=${this._settings}
      @close=${() => {
        this._settings = false;
      }}
    ></c-call-settings>`;
  }

  /** @param {string} icon @param {string} heading @param {string} text @param {unknown} action */
  _message(icon, heading, text, action) {
    return html`
      <div class="page narrow visit-message" data-testid=${`visit-${this._call?.phase}`}>
        <c-empty .main=${true} .icon=${icon} .heading=${t(heading)} .text=${t(text)} .action=${action}></c-empty>
      </div>
    `;
  }

  /** @param {string} text */
  _again(text) {
    return html`<button
      class="button primary large"
      type="button"
      data-testid="come-back"
      @click=${() => this._comeBack()}
    >
      ${text}
    </button>`;
  }

  _comeBack() {
    const call = this._call;
    call?.local.open({ microphone: true, camera: !call.local.muted.camera });
    call?.enter();
  }

  _onChange() {
    const call = this._call;
    this.requestUpdate();
    if (!call || call.phase === this._phase) return;
    this._phase = call.phase;
    this.wantShell(call.phase === 'call' ? 'none' : 'plain');
    if (call.phase !== 'call') dismissToasts('call');
    if (call.phase === 'finished') this._toAfter(call.consultation);
    if (call.phase === 'refused') this._whyRefused(call);
    if (call.phase === 'seat_taken' || call.phase === 'left' || call.phase === 'removed') call.local.release();
    this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.querySelector('h1[tabindex]'))?.focus());
  }

  /** @param {string} consultation */
  _toAfter(consultation) {
    navigate(`/after/${consultation}`, { replace: true });
  }

  /**
   * A room that has ended looks like one that is absent; the consultation itself tells.
   * @param {import('../state/call-controller.js').CallController} call
   */
  async _whyRefused(call) {
    if (call.error?.code !== 'not_found') return;
    if (auth.me?.role === 'guest') {
      if (call.you) this._toAfter(call.consultation);
      return;
    }
    const known = await api.get(`/consultations/${call.consultation}`).catch(() => null);
    if (known?.status === 'finished' && this.isConnected) this._toAfter(call.consultation);
  }

  /** @param {import('../state/call-controller.js').Notice} notice */
  _onNotice(notice) {
    const name = notice.name ?? '';
    switch (notice.kind) {
      case 'admitted':
        this._called = document.visibilityState !== 'visible';
        playSignal('admitted');
        navigator.vibrate?.([120, 80, 120]);
        return announce(t('call.admitted'), { urgent: true });
      case 'text_only':
        return isBusyWriting() ? undefined : this._write();
      case 'held':
        return announce(t('call.held_title'), { urgent: true });
      case 'message':
        if (this._chatOpen && document.visibilityState === 'visible') return undefined;
        playSignal('message');
        return toast(t('call.message_from', { name, text: clip(notice.text ?? '') }), { about: 'message' });
      case 'joined':
        return toast(t('call.joined', { name }), { about: 'call' });
      case 'back':
        return announce(t('call.joined', { name }));
      case 'gone':
        return announce(t('call.person_away', { name }));
      case 'recording_started':
        return announce(t('call.recording_started'), { urgent: true });
      case 'recording_stopped':
        return toast(t('call.recording_stopped'), { about: 'call' });
      case 'device_lost':
        return toast(t('call.device_lost', { kind: t(`call.${notice.text}`) }), { kind: 'warning' });
      default:
        return undefined;
    }
  }

  _toggleChat() {
    this._chatOpen = !this._chatOpen;
    if (this._chatOpen) dismissToasts('message');
    const next = this._chatOpen ? '.call-side textarea' : '[data-testid="chat"]';
    this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.querySelector(next))?.focus());
  }

  /** Bring the person to the chat, ready to write. */
  _write() {
    this._chatOpen = true;
    dismissToasts('message');
    focusWhenDrawn(this, '.call-side textarea');
  }

  _openSettings() {
    this._settings = true;
  }

  _leave() {
    this._call?.leave();
  }

  _onVisible() {
    if (document.visibilityState !== 'visible') return;
    this._called = false;
    this.requestUpdate();
    this._stayAwake();
  }

  /** A phone that goes dark would stop the camera. */
  async _stayAwake() {
    try {
      this._awake = (await navigator.wakeLock?.request('screen')) ?? null;
    } catch {
      // refused, for example to save power: the call works all the same
    }
  }
}

/** @param {string} text */
function clip(text) {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

customElements.define('c-visit', CVisit);
