// @ts-check
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { errorText, formatBytes, t } from '../../i18n/i18n.js';
import { meta } from '../../net/meta.js';
import { CElement } from '../element.js';
import '../icon.js';
import { toast } from '../toast.js';

const FILES_AT_MOST = 10;
const ACCEPTED = 'image/png,image/jpeg,image/gif,image/webp,application/pdf,text/plain,.txt';

/**
 * @typedef {object} Upload
 * @property {number} id
 * @property {File} file
 * @property {number} fraction
 * @property {import('../../state/room.js').Attachment | null} stored
 * @property {string} error
 * @property {AbortController} cancel
 */

/** Where a message is written and files are added; they are uploaded while the text is still being written. */
export class CComposer extends CElement {
  static properties = { call: { attribute: false }, _text: { state: true }, _uploads: { state: true } };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
    this._text = '';
    /** @type {readonly Upload[]} */
    this._uploads = [];
    this._count = 0;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const upload of this._uploads) upload.cancel.abort();
  }

  render() {
    const limit = meta.value?.limits.message_chars ?? 4000;
    return html`
      ${
        this._uploads.length > 0
          ? html`<ul class="uploads" aria-label=${t('call.files')}>
              ${repeat(
                this._uploads,
                (upload) => upload.id,
                (upload) => this._upload(upload),
              )}
            </ul>`
          : nothing
      }
      <form class="composer" @submit=${this._submit}>
        <label class="icon-button" title=${t('call.attach')}>
          <input
            class="visually-hidden"
            type="file"
            multiple
            accept=${ACCEPTED}
            data-testid="chat-file"
            @change=${this._onFiles}
          />
          <c-icon name="attach" .label=${t('call.attach')}></c-icon>
        </label>
        <textarea
          class="input"
          rows="1"
          maxlength=${limit}
          enterkeyhint="send"
          data-testid="chat-text"
          aria-label=${t('call.message')}
          placeholder=${t('call.message')}
          .value=${this._text}
          @input=${this._onInput}
          @keydown=${this._onKey}
          @paste=${this._onPaste}
        ></textarea>
        <button
          class="icon-button send"
          type="submit"
          data-testid="chat-send"
          aria-label=${t('call.send')}
          ?disabled=${!this._sendable}
        >
          <c-icon name="send"></c-icon>
        </button>
      </form>
    `;
  }

  /** @param {Upload} upload */
  _upload(upload) {
    return html`
      <li class="upload">
        <c-icon name=${upload.file.type.startsWith('image/') ? 'image' : 'file'}></c-icon>
        <span class="grow">
          <span class="attachment-name">${upload.file.name}</span>
          ${
            upload.error
              ? html`<span class="error-line" role="alert">${upload.error}</span>`
              : upload.stored
                ? html`<span class="attachment-size">${formatBytes(upload.file.size)}</span>`
                : html`<progress
                    max="1"
                    .value=${upload.fraction}
                    aria-label=${t('call.uploading', { name: upload.file.name })}
                  ></progress>`
          }
        </span>
        <button
          class="icon-button"
          type="button"
          aria-label=${t('call.remove_file', { name: upload.file.name })}
          @click=${() => this._remove(upload)}
        >
          <c-icon name="close"></c-icon>
        </button>
      </li>
    `;
  }

  get _sendable() {
    const stored = this._uploads.filter((upload) => upload.stored).length;
    const busy = this._uploads.some((upload) => !upload.stored && !upload.error);
    return !busy && (this._text.trim() !== '' || stored > 0);
  }

  /** Files given from outside: dropped on the panel. @param {readonly File[]} files */
  add(files) {
    const limit = meta.value?.limits.attachment_bytes ?? 20_000_000;
    for (const file of files) {
      if (this._uploads.length >= FILES_AT_MOST) {
        toast(t('call.files_at_most', { count: FILES_AT_MOST }), { kind: 'warning' });
        return;
      }
      const error = file.size > limit ? t('call.file_too_large', { size: formatBytes(limit) }) : '';
      /** @type {Upload} */
      const upload = { id: ++this._count, file, fraction: 0, stored: null, error, cancel: new AbortController() };
      this._uploads = [...this._uploads, upload];
      if (!error) this._send(upload);
    }
  }

  /** @param {Upload} upload */
  async _send({ id, file, cancel }) {
    try {
      const stored = await this.call?.upload(file, (fraction) => this._change(id, { fraction }), cancel.signal);
      this._change(id, { stored, fraction: 1 });
    } catch (error) {
      if (!cancel.signal.aborted) this._change(id, { error: errorText(error) });
    }
  }

  /** @param {number} id @param {Partial<Upload>} changes */
  _change(id, changes) {
    this._uploads = this._uploads.map((upload) => (upload.id === id ? { ...upload, ...changes } : upload));
  }

  /** @param {Upload} upload */
  _remove(upload) {
    upload.cancel.abort();
    this._uploads = this._uploads.filter((other) => other.id !== upload.id);
  }

  /** @param {Event} event */
  _onFiles(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    this.add([...(input.files ?? [])]);
    input.value = '';
  }

  /** @param {ClipboardEvent} event */
  _onPaste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    this.add(files);
  }

  /** @param {Event} event */
  _onInput(event) {
    const area = /** @type {HTMLTextAreaElement} */ (event.target);
    this._text = area.value;
    this._grow(area);
    if (area.value.trim()) this.call?.typing();
  }

  /** Enter sends, Shift+Enter begins a line; not while characters are being composed. @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this._submit(event);
  }

  /** @param {Event} event */
  _submit(event) {
    event.preventDefault();
    if (!this._sendable || !this.call) return;
    const attachments = this._uploads.flatMap((upload) => (upload.stored ? [upload.stored] : []));
    this.call.send(this._text.trim(), attachments);
    this._text = '';
    this._uploads = this._uploads.filter((upload) => upload.error);
    this.emit('sent');
    this.updateComplete.then(() => {
      const area = this.querySelector('textarea');
      if (area) this._grow(area);
    });
  }

  /** @param {HTMLTextAreaElement} area */
  _grow(area) {
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight + 2, 140)}px`;
  }
}

customElements.define('c-composer', CComposer);
