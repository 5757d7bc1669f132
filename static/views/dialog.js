// @ts-check
/** Native dialogs: focus stays inside, Escape closes, the page behind is inert. */
import { html, nothing, render } from 'lit';
import { t } from '../i18n/i18n.js';
import { CElement } from './element.js';
import './icon.js';

/**
 * <c-dialog .heading .content .footer .open @close>: `content` and `footer` are templates, re-rendered with the parent.
 * Emits `close` when the person closes it; the parent then sets `open` to false.
 */
export class CDialog extends CElement {
  static properties = {
    open: { type: Boolean },
    heading: {},
    content: { attribute: false },
    footer: { attribute: false },
    wide: { type: Boolean },
  };

  constructor() {
    super();
    this.open = false;
    this.heading = '';
    /** @type {unknown} */
    this.content = nothing;
    /** @type {unknown} */
    this.footer = nothing;
    this.wide = false;
  }

  /** Closed before it goes, so that the browser gives the focus back to where it was. */
  willUpdate() {
    if (!this.open) this.querySelector('dialog')?.close();
  }

  updated() {
    const dialog = this.querySelector('dialog');
    if (this.open && dialog && !dialog.open) dialog.showModal();
  }

  render() {
    if (!this.open) return nothing;
    return html`
      <dialog
        class=${this.wide ? 'dialog wide' : 'dialog'}
        aria-labelledby="dialog-heading"
        @cancel=${this._cancel}
        @click=${this._outside}
      >
        <div class="dialog-head">
          <h2 id="dialog-heading">${this.heading}</h2>
          <button
            class="icon-button"
            type="button"
            aria-label=${t('core.close')}
            data-testid="dialog-close"
            @click=${this._close}
          >
            <c-icon name="close"></c-icon>
          </button>
        </div>
        <div class="dialog-body">${this.content}</div>
        ${this.footer === nothing ? nothing : html`<div class="dialog-foot">${this.footer}</div>`}
      </dialog>
    `;
  }

  /** @param {Event} event */
  _cancel(event) {
    event.preventDefault();
    this._close();
  }

  /** A click on the backdrop reaches the dialog element itself. @param {MouseEvent} event */
  _outside(event) {
    if (event.target === event.currentTarget) this._close();
  }

  _close() {
    this.emit('close');
  }
}

customElements.define('c-dialog', CDialog);

/**
 * Ask before something that can't be taken back.
 * @param {{ title: string, text: string, action: string, danger?: boolean, cancel?: string }} question
 * @returns {Promise<boolean>} whether the person chose the action
 */
export function confirmDialog({ title, text, action, danger = false, cancel }) {
  const place = document.createElement('div');
  document.body.append(place);
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ value) => {
      place.querySelector('dialog')?.close();
      render(nothing, place);
      place.remove();
      resolve(value);
    };
    const footer = html`
      <button class="button" type="button" data-testid="confirm-cancel" @click=${() => answer(false)}>
        ${cancel ?? t('core.cancel')}
      </button>
      <button
        class=${danger ? 'button primary danger' : 'button primary'}
        type="button"
        data-testid="confirm-action"
        @click=${() => answer(true)}
      >
        ${action}
      </button>
    `;
    render(
      html`<c-dialog
        .open=${true}
        .heading=${title}
        .content=${html`<p>${text}</p>`}
        .footer=${footer}
        @close=${() => answer(false)}
      ></c-dialog>`,
      place,
    );
  });
}
