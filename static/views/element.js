// @ts-check
/** What every view builds on: lit without a shadow root, so that the house's style sheets and labels reach everything. */
import { LitElement } from 'lit';
import { onLanguage, t } from '../i18n/i18n.js';

/**
 * A small view. Re-renders when the language changes. `keep(unsubscribe)` ends a subscription when it leaves the page:
 *
 *     connectedCallback() { super.connectedCallback(); this.keep(store.subscribe(() => this.requestUpdate())); }
 */
export class CElement extends LitElement {
  constructor() {
    super();
    /** @type {(() => unknown)[]} */
    this._kept = [];
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.keep(onLanguage(() => this.requestUpdate()));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const end of this._kept.splice(0)) end();
  }

  /**
   * Call `end` when this element leaves the page.
   * @param {() => unknown} end
   */
  keep(end) {
    this._kept.push(end);
  }

  /**
   * Tell the parents: a CustomEvent that bubbles.
   * @param {string} name @param {unknown} [detail]
   */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/**
 * A whole page. `params` and `query` come from the address. Set `heading` (a plain text) for the window's title; an
 * `<h1 tabindex="-1">` in the page receives the focus when it opens.
 */
export class Page extends CElement {
  static properties = { params: { attribute: false }, query: { attribute: false } };

  constructor() {
    super();
    /** @type {import('../router.js').Params} */
    this.params = {};
    this.query = new URLSearchParams();
  }

  /** The page's name for the window's title. @returns {string} */
  get heading() {
    return '';
  }

  /**
   * Change what stands around the page while it is open: a call wants the whole window, its waiting room does not.
   * @param {'full' | 'plain' | 'none'} kind
   */
  wantShell(kind) {
    this.emit('shell-wanted', kind);
  }

  /** Called once by the router when the page stands in the document. */
  begin() {
    this.updateComplete.then(() => {
      const target = this.querySelector('h1[tabindex]');
      if (target instanceof HTMLElement) target.focus({ preventScroll: true });
    });
  }

  /** @param {import('lit').PropertyValues} changed */
  updated(changed) {
    super.updated(changed);
    const heading = this.heading;
    document.title = heading ? `${heading} · ${t('core.product')}` : t('core.product');
  }
}
