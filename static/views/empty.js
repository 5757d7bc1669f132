// @ts-check
import { html, nothing } from 'lit';
import { CElement } from './element.js';
import './icon.js';

/** Nothing to show yet, and what to do about it. `action` is a template (a button or a link). */
export class CEmpty extends CElement {
  static properties = { icon: {}, heading: {}, text: {}, action: { attribute: false } };

  constructor() {
    super();
    this.icon = 'info';
    this.heading = '';
    this.text = '';
    /** @type {unknown} */
    this.action = nothing;
  }

  render() {
    return html`
      <div class="placeholder">
        <c-icon class="big" name=${this.icon}></c-icon>
        <h2>${this.heading}</h2>
        ${this.text ? html`<p class="quiet text">${this.text}</p>` : nothing} ${this.action}
      </div>
    `;
  }
}

customElements.define('c-empty', CEmpty);
