// @ts-check
import { html, nothing } from 'lit';
import { CElement } from './element.js';
import './icon.js';

/**
 * @typedef {{ id: string, text: string, icon: string, content: unknown, count?: number, countText?: string, stays?: boolean }} Tab
 * `stays`: kept in the page while another tab is shown, so that what was scrolled and typed stands when it is back.
 */

/** <c-tab-panels .tabs .selected .label>: WAI-ARIA tabs; arrow keys move, Home and End go to the ends. Tells `tab-chosen` with the id. */
export class CTabPanels extends CElement {
  static properties = { tabs: { attribute: false }, selected: {}, label: {} };

  constructor() {
    super();
    /** @type {Tab[]} */
    this.tabs = [];
    this.selected = '';
    this.label = '';
    /** @type {Set<string>} */
    this._seen = new Set();
  }

  render() {
    this._seen.add(this.selected);
    return html`
      <div class="tabs panel-tabs" role="tablist" aria-label=${this.label} @keydown=${this._key}>
        ${this.tabs.map(
          ({ id, text, icon, count = 0, countText = '' }) => html`
            <button
              role="tab"
              type="button"
              id=${`tab-${id}`}
              aria-controls=${`panel-${id}`}
              aria-selected=${id === this.selected}
              tabindex=${id === this.selected ? '0' : '-1'}
              data-testid=${`tab-${id}`}
              @click=${() => this.emit('tab-chosen', id)}
            >
              <c-icon name=${icon}></c-icon><span>${text}</span>
              ${count > 0 ? html`<span class="count" aria-hidden="true">${count}</span><span class="visually-hidden">${countText}</span>` : nothing}
            </button>
          `,
        )}
      </div>
      ${this.tabs.map(
        ({ id, content, stays }) => html`
          <div
            class="panel"
            role="tabpanel"
            id=${`panel-${id}`}
            aria-labelledby=${`tab-${id}`}
            tabindex="-1"
            ?hidden=${id !== this.selected}
            data-testid=${`panel-${id}`}
          >
            ${id === this.selected || (stays && this._seen.has(id)) ? content : nothing}
          </div>
        `,
      )}
    `;
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const at = this.tabs.findIndex((tab) => tab.id === this.selected);
    /** @type {Record<string, number>} */
    const places = {
      ArrowRight: (at + 1) % this.tabs.length,
      ArrowLeft: (at - 1 + this.tabs.length) % this.tabs.length,
      Home: 0,
      End: this.tabs.length - 1,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    const { id } = this.tabs[places[event.key]];
    this.emit('tab-chosen', id);
    setTimeout(() => /** @type {HTMLElement | null} */ (this.querySelector(`#tab-${id}`))?.focus());
  }
}

customElements.define('c-tab-panels', CTabPanels);
