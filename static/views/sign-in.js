// @ts-check
import { html, nothing } from 'lit';
import { errorText, t } from '../i18n/i18n.js';
import { auth } from '../net/auth.js';
import { meta } from '../net/meta.js';
import { navigate } from '../router.js';
import { firstPage } from '../routes.js';
import { initials } from '../state/clinic.js';
import { Page } from './element.js';
import './icon.js';

/** Name and password; in a demonstration each invented person is one press away. */
export class CSignIn extends Page {
  static properties = {
    ...Page.properties,
    _error: { state: true },
    _missing: { state: true },
    _busy: { state: true },
    _shown: { state: true },
  };

  constructor() {
    super();
    this._error = '';
    /** @type {{ login?: string, password?: string }} */
    this._missing = {};
    /** Which account is being signed in: a login, '' for the form, null for none. @type {string | null} */
    this._busy = null;
    this._shown = false;
  }

  get heading() {
    return t('sign_in.title');
  }

  connectedCallback() {
    super.connectedCallback();
    if (auth.me && auth.me.role !== 'guest') navigate(this._target(), { replace: true });
  }

  render() {
    const accounts = meta.value?.demo_accounts ?? [];
    return html`
      <div class=${accounts.length > 0 ? 'page sign-in with-demo' : 'page sign-in'}>
        <section class="card sign-in-form">
          <h1 tabindex="-1">${t('sign_in.title')}</h1>
          <p class="quiet">${t('sign_in.lead')}</p>
          ${this._form()}
          <p class="small quiet">${t('sign_in.by_link')} ${t('sign_in.forgotten')}</p>
        </section>
        ${accounts.length > 0 ? this._demonstration(accounts) : nothing}
      </div>
    `;
  }

  _form() {
    const { login, password } = this._missing;
    return html`
      <form class="stack" novalidate @submit=${this._submit}>
        ${
          this._error
            ? html`<div class="notice danger" role="alert" data-testid="sign-in-error">
                <c-icon name="alert"></c-icon><span>${this._error}</span>
              </div>`
            : nothing
        }
        <div class="field">
          <label for="login">${t('sign_in.login')}</label>
          <input
            id="login"
            name="login"
            autocomplete="username"
            autocapitalize="none"
            spellcheck="false"
            required
            aria-invalid=${login ? 'true' : 'false'}
            aria-describedby="login-error"
            data-testid="sign-in-login"
          />
          <p class="error" id="login-error">${login ?? nothing}</p>
        </div>
        <div class="field">
          <label for="password">${t('sign_in.password')}</label>
          <div class="with-button">
            <input
              id="password"
              name="password"
              type=${this._shown ? 'text' : 'password'}
              autocomplete="current-password"
              required
              autocapitalize="none"
              spellcheck="false"
              aria-invalid=${password ? 'true' : 'false'}
              aria-describedby="password-error"
              data-testid="sign-in-password"
            />
            <button
              class="icon-button"
              type="button"
              aria-pressed=${this._shown}
              data-testid="sign-in-show"
              aria-label=${t('sign_in.show_password')}
              title=${t(this._shown ? 'sign_in.hide_password' : 'sign_in.show_password')}
              @click=${() => {
                this._shown = !this._shown;
              }}
            >
              <c-icon name=${this._shown ? 'eye-off' : 'eye'}></c-icon>
            </button>
          </div>
          <p class="error" id="password-error">${password ?? nothing}</p>
        </div>
        <button
          class="button primary large wide"
          type="submit"
          aria-busy=${this._busy === ''}
          ?disabled=${this._busy !== null}
          data-testid="sign-in-submit"
        >
          ${t('sign_in.action')}
        </button>
      </form>
    `;
  }

  /** @param {{ login: string, password: string, name: string, role: string }[]} accounts */
  _demonstration(accounts) {
    const link = meta.value?.demo_join_link;
    return html`
      <section class="sign-in-demo" aria-labelledby="demo-title">
        <h2 id="demo-title">${t('sign_in.demo_title')}</h2>
        <p class="quiet">${t('sign_in.demo_lead')}</p>
        ${
          link
            ? html`<div class="demo-link">
                <a class="button" href=${link} target="_blank" rel="noopener" data-testid="demo-join-link"
                  ><c-icon name="link"></c-icon>${t('sign_in.demo_patient_link')}</a
                >
                <p class="small quiet">${t('sign_in.demo_patient_link_hint')}</p>
              </div>`
            : nothing
        }
        <ul class="demo-accounts">
          ${accounts.map((account) => {
            const role = t(`core.role_${account.role}`);
            return html`
              <li>
                <button
                  class="demo-account"
                  type="button"
                  data-testid="demo-account"
                  data-login=${account.login}
                  ?disabled=${this._busy !== null}
                  aria-busy=${this._busy === account.login}
                  aria-label=${t('sign_in.demo_as', { name: account.name, role })}
                  @click=${() => this._signIn(account.login, account.password, account.login)}
                >
                  <span class="avatar" data-role=${account.role} aria-hidden="true">${initials(account.name)}</span>
                  <span class="grow">
                    <span class="strong clip">${account.name}</span>
                    <span class="quiet small clip">${role}</span>
                  </span>
                  <c-icon name="chevron-right"></c-icon>
                </button>
              </li>
            `;
          })}
        </ul>
      </section>
    `;
  }

  /** @param {SubmitEvent} event */
  _submit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const login = String(form.get('login') ?? '').trim();
    const password = String(form.get('password') ?? '');
    this._missing = {
      ...(login ? {} : { login: t('sign_in.login_missing') }),
      ...(password ? {} : { password: t('sign_in.password_missing') }),
    };
    this._error = '';
    if (!login || !password) {
      this._focus(login ? '#password' : '#login');
      return;
    }
    this._signIn(login, password, '');
  }

  /** @param {string} login @param {string} password @param {string} which */
  async _signIn(login, password, which) {
    this._busy = which;
    this._error = '';
    this._missing = {};
    try {
      await auth.signIn(login, password);
      navigate(this._target(), { replace: true });
    } catch (error) {
      this._error = errorText(error);
      if (which === '') this._focus('#password');
    } finally {
      this._busy = null;
    }
  }

  /** Where the person wanted to go, when that is a path of ours. */
  _target() {
    const wanted = this.query.get('to') ?? '';
    return /^\/(?![/\\])/.test(wanted) ? wanted : firstPage(auth.me?.role);
  }

  /** @param {string} selector */
  _focus(selector) {
    this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.querySelector(selector))?.focus());
  }
}

customElements.define('c-sign-in', CSignIn);
