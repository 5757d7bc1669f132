// @ts-check
import { html, nothing } from 'lit';
import { CElement } from './element.js';
import './icon.js';

/** Nothing to show yet, and what to do about it. `action` is a template (a button or a link). */
export class CEmpty extends CElement {
  static properties = { icon: {}, heading: {}, text: {}, main: { type: Boolean }, action: { attribute: false } };

  constructor() {
    super();
    this.icon = 'info';
    this.heading = '';
    this.text = '';
    /** Whether it is all that the page shows; its heading is then the page's. */
    this.main = false;
    /** @type {unknown} */
    this.action = nothing;
  }

  render() {
    return html`
      <div class="placeholder">
        <c-icon class="big" name=${this.icon}></c-icon>
        ${this.main ? html`<h1 class="empty-heading" tabindex="-1">${this.heading}</h1>` : html`<h2>${this.heading}</h2>`}
        ${this.text ? html`<p class="quiet text">${this.text}</p>` : nothing} ${this.action}
      </div>
    `;
  }
}

customElements.define('c-empty', CEmpty);
