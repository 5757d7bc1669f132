// @ts-check
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { errorText, formatList, formatTime, t } from '../../i18n/i18n.js';
import { CElement } from '../element.js';
import '../dialog.js';
import '../icon.js';
import { saveAs } from './attachment.js';
import './composer.js';

const NEAR_END_PX = 80;

/**
 * <c-chat-panel .call=${call} ?closable @close>: the conversation, with files, typing and read receipts. What is in view
 * counts as read.
 */
export class CChatPanel extends CElement {
  static properties = {
    call: { attribute: false },
    closable: { type: Boolean },
    _behind: { state: true },
    _enlarged: { state: true },
    _dragged: { state: true },
  };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
    this.closable = false;
    /** Whether newer messages are below what is in view. */
    this._behind = false;
    /** @type {{ url: string, attachment: import('../../state/room.js').Attachment } | null} */
    this._enlarged = null;
    this._dragged = false;
    this._atEnd = true;
    this._shown = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) this.keep(this.call.subscribe(() => this.requestUpdate()));
    const onVisible = () => this._markRead();
    document.addEventListener('visibilitychange', onVisible);
    this.keep(() => document.removeEventListener('visibilitychange', onVisible));
  }

  render() {
    const { call } = this;
    if (!call) return nothing;
    const { entries, typists } = call;
    return html`
      <section
        class="chat"
        aria-label=${t('call.chat')}
        data-testid="chat-panel"
        ?data-dragged=${this._dragged}
        @dragover=${this._onDrag}
        @dragleave=${this._onDragEnd}
        @drop=${this._onDrop}
        @enlarge=${this._onEnlarge}
      >
        ${
          this.closable
            ? html`<header class="chat-head">
                <h2>${t('call.chat')}</h2>
                <button
                  class="icon-button"
                  type="button"
                  aria-label=${t('core.close')}
                  data-testid="chat-close"
                  @click=${() => this.emit('close')}
                >
                  <c-icon name="close"></c-icon>
                </button>
              </header>`
            : nothing
        }
        <div
          class="chat-log"
          role="log"
          aria-live="polite"
          aria-relevant="additions"
          aria-label=${t('call.messages')}
          tabindex="0"
          @scroll=${this._onScroll}
        >
          ${
            entries.length === 0
              ? html`<p class="chat-empty quiet">${t('call.chat_empty')}</p>`
              : html`<ol class="messages">
                  ${repeat(
                    entries,
                    (entry) => entry.key,
                    (entry, index) => this._message(entry, entries[index - 1]),
                  )}
                </ol>`
          }
        </div>
        ${
          this._behind
            ? html`<button class="button chat-newer" type="button" @click=${this._toEnd}>
                <c-icon name="chevron-down"></c-icon>${t('call.newer')}
              </button>`
            : nothing
        }
        <p class="chat-typing small quiet" aria-live="polite">
          ${typists.length > 0 ? t('call.typing', { names: formatList(typists) }) : nothing}
        </p>
        <c-composer .call=${call} @sent=${this._toEnd}></c-composer>
      </section>
      ${this._lightbox()}
    `;
  }

  /** @param {import('../../state/chat.js').Entry} entry @param {import('../../state/chat.js').Entry | undefined} before */
  _message(entry, before) {
    const follows = before && before.author === entry.author && Date.parse(entry.at) - Date.parse(before.at) < 180_000;
    return html`
      <li class=${entry.mine ? 'message mine' : 'message'} data-testid="message" data-state=${entry.state}>
        ${
          follows
            ? nothing
            : html`<p class="message-head small quiet">
                <span class="strong">${entry.mine ? t('call.you') : entry.authorName}</span>
                <time datetime=${entry.at}>${formatTime(entry.at)}</time>
              </p>`
        }
        ${entry.text ? html`<p class="message-text">${entry.text}</p>` : nothing}
        ${entry.attachments.map((attachment) => html`<c-attachment .attachment=${attachment} .call=${this.call}></c-attachment>`)}
        ${entry.mine ? this._state(entry) : nothing}
      </li>
    `;
  }

  /** @param {import('../../state/chat.js').Entry} entry */
  _state(entry) {
    if (entry.state === 'failed') {
      return html`
        <p class="message-state error-line" role="alert">
          <c-icon name="alert"></c-icon><span>${t('call.not_sent')} ${errorText({ code: entry.errorCode })}</span>
          <button
            class="link-button"
            type="button"
            data-testid="message-retry"
            @click=${() => this.call?.retry(entry.key)}
          >
            ${t('core.try_again')}
          </button>
          <button class="link-button" type="button" @click=${() => this.call?.discard(entry.key)}>
            ${t('call.discard')}
          </button>
        </p>
      `;
    }
    const icon = { sending: 'clock', sent: 'check', read: 'check-double' }[entry.state];
    return html`<p class="message-state small quiet">
      <c-icon name=${icon}></c-icon>${t(`call.state_${entry.state}`)}
    </p>`;
  }

  _lightbox() {
    const shown = this._enlarged;
    const content = shown ? html`<img class="lightbox" src=${shown.url} alt=${shown.attachment.name} />` : nothing;
    const footer = shown
      ? html`<button class="button" type="button" @click=${() => saveAs(shown.url, shown.attachment.name)}>
          <c-icon name="download"></c-icon>${t('call.download')}
        </button>`
      : nothing;
    return html`
      <c-dialog
        .open=${shown !== null}
        .wide=${true}
        .heading=${shown?.attachment.name ?? ''}
        .content=${content}
        .footer=${footer}
        @close=${(/** @type {Event} */ event) => this._shrink(event)}
      ></c-dialog>
    `;
  }

  /** The picture's dialog closes, not the panel. @param {Event} event */
  _shrink(event) {
    event.stopPropagation();
    this._enlarged = null;
  }

  firstUpdated() {
    this._toEnd();
  }

  updated() {
    const count = this.call?.entries.length ?? 0;
    if (count > this._shown) {
      if (this._atEnd) this._toEnd();
      else this._behind = true;
    }
    this._shown = count;
    this._markRead();
  }

  _markRead() {
    if (document.visibilityState === 'visible' && this._atEnd && this.offsetParent !== null) this.call?.markRead();
  }

  _toEnd() {
    const log = this.querySelector('.chat-log');
    if (log) log.scrollTop = log.scrollHeight;
    this._atEnd = true;
    this._behind = false;
  }

  _onScroll() {
    const log = /** @type {HTMLElement} */ (this.querySelector('.chat-log'));
    this._atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
    if (this._atEnd) {
      this._behind = false;
      this._markRead();
    }
  }

  /** @param {CustomEvent} event */
  _onEnlarge(event) {
    if (event.detail.url) this._enlarged = event.detail;
  }

  /** @param {DragEvent} event */
  _onDrag(event) {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    this._dragged = true;
  }

  _onDragEnd() {
    this._dragged = false;
  }

  /** @param {DragEvent} event */
  _onDrop(event) {
    event.preventDefault();
    this._dragged = false;
    /** @type {import('./composer.js').CComposer | null} */ (this.querySelector('c-composer'))?.add([
      ...(event.dataTransfer?.files ?? []),
    ]);
  }
}

customElements.define('c-chat-panel', CChatPanel);
