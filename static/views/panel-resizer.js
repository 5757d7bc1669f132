// @ts-check
import { html } from 'lit';
import { CElement } from './element.js';

const STORED_AS = 'consilium.panel_width';
const [NARROWEST, WIDEST, USUAL, STEP] = [320, 760, 440, 24];

/** <c-panel-resizer .label>: the border between stage and panel, dragged or moved by arrow keys. Tells `resize-panel` with pixels. */
export class CPanelResizer extends CElement {
  static properties = { label: {}, _width: { state: true } };

  constructor() {
    super();
    this.label = '';
    this._width = remembered();
  }

  connectedCallback() {
    super.connectedCallback();
    this.emit('resize-panel', this._width);
  }

  render() {
    return html`
      <div
        class="panel-resizer"
        role="separator"
        tabindex="0"
        aria-orientation="vertical"
        aria-label=${this.label}
        aria-valuemin=${NARROWEST}
        aria-valuemax=${WIDEST}
        aria-valuenow=${this._width}
        data-testid="panel-resizer"
        @pointerdown=${this._press}
        @pointermove=${this._drag}
        @keydown=${this._key}
        @dblclick=${() => this._set(USUAL)}
      ></div>
    `;
  }

  /** @param {PointerEvent} event */
  _press(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  _drag(event) {
    const bar = /** @type {HTMLElement} */ (event.currentTarget);
    if (bar.hasPointerCapture(event.pointerId)) this._set(document.documentElement.clientWidth - event.clientX);
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    /** @type {Record<string, number>} */
    const widths = { ArrowLeft: this._width + STEP, ArrowRight: this._width - STEP, Home: WIDEST, End: NARROWEST };
    if (!(event.key in widths)) return;
    event.preventDefault();
    this._set(widths[event.key]);
  }

  /** @param {number} width */
  _set(width) {
    const widest = Math.min(WIDEST, document.documentElement.clientWidth - 360);
    this._width = Math.round(Math.max(NARROWEST, Math.min(widest, width)));
    this.emit('resize-panel', this._width);
    try {
      localStorage.setItem(STORED_AS, String(this._width));
    } catch {
      // storage is refused: the width lasts as long as the page
    }
  }
}

function remembered() {
  try {
    const width = Number(localStorage.getItem(STORED_AS));
    return width >= NARROWEST && width <= WIDEST ? width : USUAL;
  } catch {
    return USUAL;
  }
}

customElements.define('c-panel-resizer', CPanelResizer);
