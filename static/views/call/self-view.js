// @ts-check
import { html, nothing } from 'lit';
import { t } from '../../i18n/i18n.js';
import { CElement } from '../element.js';
import '../icon.js';
import './tile.js';

/** @type {readonly Corner[]} */
const CORNERS = ['top-right', 'bottom-right', 'bottom-left', 'top-left'];
const MOVED_PX = 6; // less than this is a tap

/** @typedef {'top-right' | 'bottom-right' | 'bottom-left' | 'top-left'} Corner */

/** One's own picture in a corner of the stage: dragged to another corner, or sent there by its button. */
export class CSelfView extends CElement {
  static properties = {
    call: { attribute: false },
    corner: { reflect: true },
    small: { type: Boolean, reflect: true },
  };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
    /** @type {Corner} */
    this.corner = 'top-right';
    this.small = false;
    /** @type {{ id: number, x: number, y: number, moved: boolean } | null} */
    this._drag = null;
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) this.keep(this.call.subscribe(() => this.requestUpdate()));
  }

  render() {
    const { call } = this;
    if (!call) return nothing;
    const { local } = call;
    const camera = local.tracks.camera;
    return html`
      <div
        class="self-view"
        data-testid="self-view"
        @pointerdown=${this._down}
        @pointermove=${this._move}
        @pointerup=${this._up}
        @pointercancel=${this._up}
      >
        <c-call-tile
          .name=${t('call.you')}
          .person=${call.you?.name ?? ''}
          .track=${camera}
          .filled=${true}
          .mirrored=${local.facing === 'user'}
          .speaking=${call.you?.participant === call.speaker}
          .state=${camera ? 'live' : 'no-picture'}
          .micOff=${local.muted.microphone || !local.tracks.microphone}
        ></c-call-tile>
        <button
          class="self-move"
          type="button"
          aria-label=${t('call.move_self')}
          title=${t('call.move_self')}
          @click=${this._next}
        >
          <c-icon name="flip-corner"></c-icon>
        </button>
      </div>
    `;
  }

  _next() {
    this.corner = CORNERS[(CORNERS.indexOf(this.corner) + 1) % CORNERS.length];
  }

  /** @param {PointerEvent} event */
  _down(event) {
    if (event.target instanceof Element && event.target.closest('button')) return;
    this._drag = { id: event.pointerId, x: event.clientX, y: event.clientY, moved: false };
    /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  _move(event) {
    const drag = this._drag;
    if (!drag || drag.id !== event.pointerId) return;
    const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
    drag.moved ||= Math.hypot(x, y) > MOVED_PX;
    if (drag.moved) /** @type {HTMLElement} */ (event.currentTarget).style.translate = `${x}px ${y}px`;
  }

  /** @param {PointerEvent} event */
  _up(event) {
    const drag = this._drag;
    this._drag = null;
    const view = /** @type {HTMLElement} */ (event.currentTarget);
    view.style.translate = '';
    if (!drag?.moved || !this.parentElement) return;
    const stage = this.parentElement.getBoundingClientRect();
    const across = event.clientX < stage.left + stage.width / 2 ? 'left' : 'right';
    const down = event.clientY < stage.top + stage.height / 2 ? 'top' : 'bottom';
    this.corner = /** @type {Corner} */ (`${down}-${across}`);
  }
}

customElements.define('c-self-view', CSelfView);
