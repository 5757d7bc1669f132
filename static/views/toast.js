// @ts-check
/** Short messages at the foot of the page, and what only a screen reader needs to hear. */
import { html } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { t } from '../i18n/i18n.js';
import { CElement } from './element.js';
import './icon.js';

/** @typedef {'plain' | 'good' | 'warning' | 'danger'} ToastKind */
/** @typedef {{ id: number, text: string, kind: ToastKind, about: string }} Toast */

const SHOWN_MS = 6000;
const AT_MOST = 4;
const ICONS = { plain: 'info', good: 'check', warning: 'alert', danger: 'alert' };

/** @type {Toast[]} */
let toasts = [];
let counter = 0;
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * Show a sentence for six seconds; also spoken by screen readers.
 * @param {string} text @param {{ kind?: ToastKind, about?: string }} [options]  `about`: for `dismissToasts`
 */
export function toast(text, { kind = 'plain', about = '' } = {}) {
  const id = ++counter;
  toasts = [...toasts.filter((other) => other.text !== text), { id, text, kind, about }].slice(-AT_MOST);
  tell();
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/**
 * Say something to screen readers only.
 * @param {string} text @param {{ urgent?: boolean }} [options]
 */
export function announce(text, { urgent = false } = {}) {
  const region = document.getElementById(urgent ? 'announce-urgent' : 'announce');
  if (!region) return;
  region.textContent = '';
  setTimeout(() => {
    region.textContent = text;
  }, 50); // an empty region first, so that the same words are read again
}

/** Take away what has been seen elsewhere, or belonged to a page that is gone. @param {string} about */
export function dismissToasts(about) {
  toasts = toasts.filter((other) => other.about !== about);
  tell();
}

/** @param {number} id */
function dismiss(id) {
  toasts = toasts.filter((other) => other.id !== id);
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}

/** The place where toasts and announcements appear; once, in the shell. */
export class CToasts extends CElement {
  connectedCallback() {
    super.connectedCallback();
    const listener = () => this.requestUpdate();
    listeners.add(listener);
    this.keep(() => listeners.delete(listener));
  }

  render() {
    return html`
      <div class="visually-hidden" id="announce" aria-live="polite"></div>
      <div class="visually-hidden" id="announce-urgent" aria-live="assertive"></div>
      <div class="stack tight" role="status" aria-live="polite">
        ${repeat(
          toasts,
          (item) => item.id,
          (item) => html`
            <div class="toast" data-testid="toast" data-kind=${item.kind}>
              <c-icon name=${ICONS[item.kind]}></c-icon>
              <span class="grow">${item.text}</span>
              <button class="icon-button" type="button" aria-label=${t('core.close')} @click=${() => dismiss(item.id)}>
                <c-icon name="close"></c-icon>
              </button>
            </div>
          `,
        )}
      </div>
    `;
  }
}

customElements.define('c-toasts', CToasts);
