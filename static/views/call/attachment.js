// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatBytes, t } from '../../i18n/i18n.js';
import { CElement } from '../element.js';
import '../icon.js';
import { toast } from '../toast.js';

/** A file in the conversation: pictures are shown, everything else is offered for download. Never opened as a page. */
export class CAttachment extends CElement {
  static properties = {
    attachment: { attribute: false },
    call: { attribute: false },
    _url: { state: true },
    _failed: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    /** @type {import('../../state/room.js').Attachment | null} */
    this.attachment = null;
    /** Whoever can open it. @type {{ openAttachment: (attachment: import('../../state/room.js').Attachment) => Promise<string> } | null} */
    this.call = null;
    this._url = '';
    this._failed = false;
    this._busy = false;
  }

  firstUpdated() {
    if (this._isPicture) this._load();
  }

  get _isPicture() {
    return /^image\/(png|jpeg|gif|webp)$/.test(this.attachment?.content_type ?? '');
  }

  render() {
    const { attachment } = this;
    if (!attachment) return nothing;
    if (this._isPicture && !this._failed) return this._picture(attachment);
    return html`
      <button
        class="attachment-file"
        type="button"
        data-testid="attachment"
        aria-busy=${this._busy}
        @click=${this._download}
      >
        <c-icon name="file"></c-icon>
        <span class="grow"
          ><span class="attachment-name">${attachment.name}</span
          ><span class="attachment-size">${formatBytes(attachment.size_bytes)}</span></span
        >
        <c-icon name="download" .label=${t('call.download')}></c-icon>
      </button>
    `;
  }

  /** @param {import('../../state/room.js').Attachment} attachment */
  _picture(attachment) {
    return html`
      <button
        class="attachment-picture"
        type="button"
        data-testid="attachment-image"
        aria-label=${t('call.enlarge', { name: attachment.name })}
        @click=${() => this.emit('enlarge', { url: this._url, attachment })}
      >
        ${this._url ? html`<img src=${this._url} alt=${attachment.name} />` : html`<span class="attachment-loading">${t('core.loading')}</span>`}
      </button>
    `;
  }

  async _load() {
    try {
      this._url = (await this.call?.openAttachment(/** @type {any} */ (this.attachment))) ?? '';
    } catch {
      this._failed = true;
    }
  }

  async _download() {
    this._busy = true;
    try {
      const url = (await this.call?.openAttachment(/** @type {any} */ (this.attachment))) ?? '';
      saveAs(url, this.attachment?.name ?? '');
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }
}

/** @param {string} url @param {string} name */
export function saveAs(url, name) {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

customElements.define('c-attachment', CAttachment);
