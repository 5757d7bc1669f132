// @ts-check
import { html, nothing } from 'lit';
import { LANGUAGES, language, setLanguage, t } from '../i18n/i18n.js';
import { auth } from '../net/auth.js';
import { meta } from '../net/meta.js';
import { navigate } from '../router.js';
import { navigation } from '../routes.js';
import { setTheme, theme } from '../theme.js';
import { CElement } from './element.js';
import './icon.js';
import './toast.js';

/** @type {import('../theme.js').Theme[]} */
const THEMES = ['system', 'light', 'dark'];
const MARK = new URL('../images/icon.svg', import.meta.url).href;
const THEME_ICONS = { system: 'system', light: 'sun', dark: 'moon' };

/** Around every page: the clinic's name, navigation, language, light or dark, the person, and what the clinic has to say. */
export class CAppShell extends CElement {
  static properties = {
    kind: { reflect: true },
    path: { attribute: false },
    me: { attribute: false },
    page: { attribute: false },
    _menu: { state: true },
    _offline: { state: true },
  };

  constructor() {
    super();
    /** @type {'full' | 'plain' | 'none'} */
    this.kind = 'plain';
    this.path = '/';
    /** @type {import('../net/auth.js').Me | null} */
    this.me = null;
    /** @type {unknown} */
    this.page = nothing;
    this._menu = false;
    this._offline = !navigator.onLine;
  }

  connectedCallback() {
    super.connectedCallback();
    const network = () => {
      this._offline = !navigator.onLine;
    };
    const outside = (/** @type {Event} */ event) => {
      if (this._menu && event.target instanceof Node && !this.querySelector('.menu')?.contains(event.target))
        this._menu = false;
    };
    addEventListener('online', network);
    addEventListener('offline', network);
    addEventListener('pointerdown', outside);
    this.keep(() => {
      removeEventListener('online', network);
      removeEventListener('offline', network);
      removeEventListener('pointerdown', outside);
    });
  }

  render() {
    return html`
      <a class="skip-link" href="#main" @click=${this._skip}>${t('core.skip_to_content')}</a>
      ${this.kind === 'none' ? nothing : this._header()} ${this._banners()}
      <main class="app-main" id="main" tabindex="-1">${this.page}</main>
      <c-toasts></c-toasts>
    `;
  }

  _header() {
    const items = this.kind === 'full' ? navigation(this.me?.role) : [];
    return html`
      <header class="app-header">
        <a class="app-brand" href=${this.kind === 'full' ? '/' : this.path}>
          <img src=${MARK} alt="" width="32" height="32" /><span class="clip">${meta.clinicName}</span>
        </a>
        ${
          items.length > 0
            ? html`<nav class="app-nav" aria-label=${t('core.navigation')}>
                ${items.map(
                  (item) => html`
                    <a href=${item.path} aria-current=${this.path.startsWith(item.path) ? 'page' : 'false'}>
                      <c-icon name=${item.icon}></c-icon>${t(item.text)}
                    </a>
                  `,
                )}
              </nav>`
            : nothing
        }
        <div class="app-tools">
          ${this._languageSwitch()} ${this._themeSwitch()}
          ${this.kind === 'full' && this.me ? this._person(this.me) : nothing}
        </div>
      </header>
    `;
  }

  /** The other language, by its own name. */
  _languageSwitch() {
    const other = LANGUAGES.find((item) => item.code !== language()) ?? LANGUAGES[0];
    return html`
      <button
        class="button quiet"
        type="button"
        lang=${other.code}
        data-testid="language"
        @click=${() => setLanguage(other.code)}
      >
        <c-icon name="language"></c-icon>${other.name}
      </button>
    `;
  }

  _themeSwitch() {
    const now = theme();
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    const label = t('core.theme_now', { theme: t(`core.theme_${now}`) });
    return html`
      <button
        class="icon-button"
        type="button"
        aria-label=${label}
        title=${label}
        data-testid="theme"
        @click=${() => this._setTheme(next)}
      >
        <c-icon name=${THEME_ICONS[now]}></c-icon>
      </button>
    `;
  }

  /** @param {import('../net/auth.js').Me} me */
  _person(me) {
    return html`
      <div class="menu" @keydown=${this._menuKey}>
        <button
          class="button quiet"
          type="button"
          aria-haspopup="true"
          aria-expanded=${this._menu}
          aria-label=${t('core.person_menu', { name: me.name })}
          data-testid="person-menu"
          @click=${() => {
            this._menu = !this._menu;
          }}
        >
          <c-icon name="person"></c-icon><span class="app-person-name clip">${me.name}</span
          ><c-icon name="chevron-down"></c-icon>
        </button>
        ${
          this._menu
            ? html`<div class="menu-list">
                <div class="menu-about">
                  <div class="strong">${me.name}</div>
                  <div class="quiet small">${me.title || t(`core.role_${me.role}`)}</div>
                </div>
                <button class="menu-item" type="button" data-testid="sign-out" @click=${this._signOut}>
                  <c-icon name="sign-out"></c-icon>${t('core.sign_out')}
                </button>
              </div>`
            : nothing
        }
      </div>
    `;
  }

  _banners() {
    return html`
      ${
        meta.value?.demonstration
          ? html`<aside class="app-demonstration" aria-label=${t('core.notice')} data-testid="demonstration">
              <c-icon name="info"></c-icon><span class="full">${t('core.demonstration')}</span
              ><span class="brief">${t('core.demonstration_brief')}</span>
            </aside>`
          : nothing
      }
      ${
        this._offline
          ? html`<div class="app-offline" role="alert">
              <c-icon name="wifi-off"></c-icon><span>${t('core.offline')}</span>
            </div>`
          : nothing
      }
    `;
  }

  /** @param {import('../theme.js').Theme} next */
  _setTheme(next) {
    setTheme(next);
    this.requestUpdate();
  }

  /** @param {Event} event */
  _skip(event) {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (this.querySelector('#main'))?.focus();
  }

  /** @param {KeyboardEvent} event */
  _menuKey(event) {
    if (event.key !== 'Escape' || !this._menu) return;
    this._menu = false;
    /** @type {HTMLElement | null} */ (this.querySelector('.menu > button'))?.focus();
  }

  async _signOut() {
    this._menu = false;
    await auth.signOut();
    navigate('/sign-in');
  }
}

customElements.define('c-app-shell', CAppShell);
