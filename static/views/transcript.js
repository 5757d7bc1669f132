// @ts-check
import { html, nothing } from 'lit';
import { formatBytes, formatDuration, formatTime, hasText, t } from '../i18n/i18n.js';
import { worse } from '../state/ladder.js';
import { lineAt } from '../state/playback.js';
import { CElement } from './element.js';
import './icon.js';

/** @typedef {import('../state/playback.js').Line} Line */

/**
 * The words for an event of a visit.
 * @param {import('../state/playback.js').TimelineEvent} event
 */
export function eventText({ kind, name, decision, reason, role, receives, sends }) {
  const params = { name: name ?? '', kind };
  const rung = receives && sends ? worse(receives, sends) : null;
  for (const key of [`event.${kind}.${decision ?? reason ?? rung ?? role ?? ''}`, `event.${kind}`]) {
    if (hasText(key)) return t(key, params);
  }
  return t('event.other', params);
}

/**
 * <c-transcript .lines .position .playable>: what was written and what happened. The line that is on is marked, and kept in
 * view as long as `follow` is on. Tells `seek` with milliseconds, and `open-attachment`.
 */
export class CTranscript extends CElement {
  static properties = {
    lines: { attribute: false },
    position: { type: Number },
    playable: { type: Boolean },
    _follow: { state: true },
  };

  constructor() {
    super();
    /** @type {Line[]} */
    this.lines = [];
    this.position = 0;
    this.playable = false;
    this._follow = true;
    this._shown = -1;
  }

  render() {
    const current = this.playable ? lineAt(this.lines, this.position) : -1;
    return html`
      <div class="row between wrap transcript-head">
        <h2 id="transcript-title">${t('record_page.transcript')}</h2>
        ${
          this.playable
            ? html`<label class="choice"
                ><input
                  type="checkbox"
                  .checked=${this._follow}
                  data-testid="transcript-follow"
                  @change=${(/** @type {Event} */ event) => {
                    this._follow = /** @type {HTMLInputElement} */ (event.target).checked;
                  }}
                /><span>${t('record_page.follow')}</span></label
              >`
            : nothing
        }
      </div>
      ${
        this.lines.length === 0
          ? html`<p class="quiet">${t('record_page.transcript_none')}</p>`
          : html`<ol class="transcript-lines" aria-labelledby="transcript-title" tabindex="0" data-testid="transcript">
              ${this.lines.map((line, index) => this._line(line, index === current))}
            </ol>`
      }
    `;
  }

  updated() {
    const current = this.playable ? lineAt(this.lines, this.position) : -1;
    if (current === this._shown) return;
    this._shown = current;
    const list = this.querySelector('.transcript-lines');
    const line = list?.children[current];
    if (!this._follow || !(list instanceof HTMLElement) || !(line instanceof HTMLElement)) return;
    // Only the list scrolls: the page stays where its reader left it.
    list.scrollTop = line.offsetTop - list.offsetTop - list.clientHeight / 2 + line.clientHeight / 2;
  }

  /** @param {Line} line @param {boolean} isOn */
  _line(line, isOn) {
    const { offset } = line;
    const time = offset === null ? formatTime(line.at) : formatDuration(offset);
    const canJump = this.playable && offset !== null;
    return html`
      <li
        class="transcript-line"
        data-type=${line.type}
        aria-current=${isOn ? 'true' : nothing}
        data-testid="transcript-line"
      >
        ${
          canJump
            ? html`<button
                class="transcript-time figures"
                type="button"
                aria-label=${t('record_page.jump', { time })}
                @click=${() => this.emit('seek', offset)}
              >
                ${time}
              </button>`
            : html`<span class="transcript-time figures quiet">${time}</span>`
        }
        ${
          line.type === 'message'
            ? html`<div class="grow">
                <span class="strong block small">${line.message.author_name}</span>
                ${line.message.text ? html`<p class="written">${line.message.text}</p>` : nothing}
                ${line.message.attachments.map(
                  (attachment) =>
                    html` <button
                      class="link-button row"
                      type="button"
                      @click=${() => this.emit('open-attachment', attachment)}
                    >
                      <c-icon name="attach"></c-icon>${attachment.name} (${formatBytes(attachment.size_bytes)})
                    </button>`,
                )}
              </div>`
            : html`<p class="grow quiet">${eventText(line.event)}</p>`
        }
      </li>
    `;
  }
}

customElements.define('c-transcript', CTranscript);
