// @ts-check
import { html } from 'lit';
import { t } from '../i18n/i18n.js';
import { CElement } from './element.js';

/** Grey bars in the place of what is loading, so that nothing jumps. */
export class CSkeleton extends CElement {
  static properties = { lines: { type: Number } };

  constructor() {
    super();
    this.lines = 3;
  }

  render() {
    return html`
      <div role="status" aria-busy="true">
        <span class="visually-hidden">${t('core.loading')}</span>
        ${Array.from({ length: this.lines }, () => html`<div class="bar"></div>`)}
      </div>
    `;
  }
}

customElements.define('c-skeleton', CSkeleton);
