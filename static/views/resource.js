// @ts-check
/** What a page asks of the server: on its way, here, refused or out of reach. Asked again when the connection returns. */
import { html } from 'lit';
import { t } from '../i18n/i18n.js';
import { ApiError } from '../net/api.js';
import './empty.js';
import './error-panel.js';
import './skeleton.js';

/**
 * A lit controller. `value` stays while it is asked again, so that a page which is shown keeps standing.
 * @template T
 */
export class Resource {
  /**
   * @param {import('lit').ReactiveControllerHost} host
   * @param {() => Promise<T>} ask
   */
  constructor(host, ask) {
    this._host = host;
    this._ask = ask;
    this._turn = 0;
    /** @type {T | null} */
    this.value = null;
    /** @type {unknown} */
    this.error = null;
    this.isLoading = true;
    this._online = () => {
      if (this.error) this.load();
    };
    host.addController(this);
  }

  hostConnected() {
    addEventListener('online', this._online);
    this.load();
  }

  hostDisconnected() {
    removeEventListener('online', this._online);
    this._turn += 1;
  }

  /** Ask (again). An answer that comes after a newer question is dropped. */
  async load() {
    const turn = ++this._turn;
    this.isLoading = true;
    this._host.requestUpdate();
    try {
      const value = await this._ask();
      if (turn !== this._turn) return;
      this.value = value;
      this.error = null;
    } catch (error) {
      if (turn !== this._turn) return;
      this.error = error;
    }
    this.isLoading = false;
    this._host.requestUpdate();
  }

  /**
   * A change made here, shown before the server is asked again.
   * @param {T} value
   */
  set(value) {
    this.value = value;
    this._host.requestUpdate();
  }

  /** Whether the server answered that this is not there, or not for this person. */
  get isClosed() {
    return this.error instanceof ApiError && (this.error.status === 403 || this.error.status === 404);
  }

  /**
   * The template for the state it is in.
   * @param {(value: T) => unknown} ready
   * @param {{ lines?: number, closedText?: string }} [options]
   * @returns {unknown}
   */
  render(ready, { lines = 4, closedText } = {}) {
    if (this.value !== null && !this.isClosed) return ready(this.value);
    if (this.isClosed) {
      return html`<c-empty
        icon="lock"
        data-testid="forbidden"
        .heading=${t('page.forbidden_title')}
        .text=${closedText ?? t('page.forbidden_text')}
        .action=${html`<a class="button" href="/">${t('core.go_to_start')}</a>`}
      ></c-empty>`;
    }
    if (this.error && !this.isLoading) {
      return html`<c-error-panel .error=${this.error} .retry=${() => this.load()}></c-error-panel>`;
    }
    return html`<c-skeleton lines=${lines}></c-skeleton>`;
  }
}
