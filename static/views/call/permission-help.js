// @ts-check
import { html, nothing, svg } from 'lit';
import { t } from '../../i18n/i18n.js';
import { auth } from '../../net/auth.js';
import { CElement } from '../element.js';
import '../icon.js';
import { browserOf, inAppOf } from './browser.js';

/** Where to tap in the browser in use: a drawing of its address bar with the place ringed. */
const RING = { chrome: 22, 'chrome-android': 22, edge: 22, firefox: 40, safari: 150, 'safari-ios': 22, other: 22 };

/** What to do when the browser gives no camera or microphone; the words and the drawing fit the browser in use. */
export class CPermissionHelp extends CElement {
  static properties = { access: {}, kind: {} };

  constructor() {
    super();
    /** @type {import('../../state/devices.js').Access} */
    this.access = 'blocked';
    /** @type {'camera' | 'microphone' | 'both'} */
    this.kind = 'both';
  }

  render() {
    if (this.access === 'absent' && (inAppOf() || !navigator.mediaDevices))
      return html`<c-in-app-help></c-in-app-help>`;
    const browser = browserOf();
    const blocked = this.access === 'blocked';
    return html`
      <div class="notice warning permission-help" role="alert" data-testid="permission-help">
        <c-icon name="alert"></c-icon>
        <div class="stack tight grow">
          <strong>${t(`call.help_${this.access}_${this.kind}`)}</strong>
          ${blocked ? this._drawing(browser) : nothing}
          <p>${blocked ? t(`call.help_${browser}`) : t(`call.help_${this.access}`)}</p>
          <div>
            <button class="button" type="button" data-testid="devices-retry" @click=${() => this.emit('retry')}>
              <c-icon name="refresh"></c-icon>${t('core.try_again')}
            </button>
          </div>
        </div>
      </div>
    `;
  }

  /** @param {import('./browser.js').Browser} browser */
  _drawing(browser) {
    const x = RING[browser];
    return html`
      <svg class="address-bar" viewBox="0 0 300 48" role="img" aria-label=${t('call.help_drawing')}>
        ${svg`
          <rect class="bar" x="4" y="8" width="292" height="32" rx="16"></rect>
          <path class="lock" d=${`M${x - 6} 23h12v9h-12zM${x - 4} 23v-3a4 4 0 0 1 8 0v3`}></path>
          <text x=${x + 24} y="29">${location.host}</text>
          <circle class="ring" cx=${x} cy="25" r="16"></circle>
        `}
      </svg>
    `;
  }
}

/** In WeChat and the like: how to open the page in a real browser, and the link to take there. */
export class CInAppHelp extends CElement {
  static properties = { _copied: { state: true } };

  constructor() {
    super();
    this._copied = false;
  }

  render() {
    const app = inAppOf();
    return html`
      <div class="notice warning" role="alert" data-testid="in-app-help">
        <c-icon name="alert"></c-icon>
        <div class="stack tight grow">
          <strong>${app ? t('call.in_app_heading', { app: t(`call.app_${app}`) }) : t('call.no_media_heading')}</strong>
          <p>${app === 'WeChat' ? t('call.in_app_wechat') : app ? t('call.in_app_other') : t('call.no_media_text')}</p>
          <div class="cluster">
            <button class="button primary" type="button" data-testid="copy-link" @click=${this._copy}>
              <c-icon name=${this._copied ? 'check' : 'copy'}></c-icon
              >${this._copied ? t('core.copied') : t('call.copy_link')}
            </button>
          </div>
        </div>
      </div>
    `;
  }

  async _copy() {
    const link = auth.invitationLink ?? location.href;
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      copyBySelection(link);
    }
    this._copied = true;
  }
}

/** Where there is no clipboard for scripts, as in old in-app browsers. @param {string} text */
function copyBySelection(text) {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

customElements.define('c-permission-help', CPermissionHelp);
customElements.define('c-in-app-help', CInAppHelp);
