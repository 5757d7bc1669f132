// @ts-check
import { html, nothing } from 'lit';
import { CElement } from './element.js';
import './icon.js';

/** <c-badge kind="good" icon="check" text="…">: a state in a word. Colour never stands alone. */
export class CBadge extends CElement {
  static properties = { kind: { reflect: true }, icon: {}, text: {} };

  constructor() {
    super();
    /** @type {'plain' | 'good' | 'warning' | 'danger' | 'info' | 'accent' | 'recording'} */
    this.kind = 'plain';
    this.icon = '';
    this.text = '';
  }

  render() {
    const mark = this.kind === 'recording' ? html`<span class="recording-dot"></span>` : nothing;
    return html`${mark}${this.icon ? html`<c-icon name=${this.icon}></c-icon>` : nothing}<span>${this.text}</span>`;
  }
}

customElements.define('c-badge', CBadge);
