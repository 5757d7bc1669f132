// @ts-check
import { html, nothing } from 'lit';
import { live } from 'lit/directives/live.js';
import { formatTime, t } from '../../i18n/i18n.js';
import { openStill } from '../../rtc/still.js';
import { CElement } from '../element.js';
import '../icon.js';
import { initialsOf, lineFacts, lineText, streamOf } from './parts.js';

const COPY_EVERY_MS = 1000;
const COPY_WIDTH = 480;
const STILL_MS = 4000; // an older copy isn't brought back as "the last picture"

/** Up to this part of a picture may be cut away so that it fills its place. */
const CUT_AT_MOST = 0.3;

/** One person's picture, or their initials; with their name, what they send, and how their connection is. */
export class CCallTile extends CElement {
  static properties = {
    name: {},
    person: {},
    about: {},
    track: { attribute: false },
    kind: { reflect: true },
    mirrored: { type: Boolean },
    micOff: { type: Boolean },
    state: { reflect: true },
    line: {},
    quality: { attribute: false },
    speaking: { type: Boolean, reflect: true },
    silentMicrophone: { type: Boolean },
    pinnable: { type: Boolean },
    pinned: { type: Boolean },
    filled: { type: Boolean },
    remembers: { type: Boolean },
    fresh: { attribute: false },
    _still: { state: true },
  };

  constructor() {
    super();
    this.name = '';
    /** Whose initials stand in place of a picture, where `name` is "You". */
    this.person = '';
    this.about = '';
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** @type {'camera' | 'screen'} */
    this.kind = 'camera';
    this.mirrored = false;
    this.micOff = false;
    /** live; no-picture: camera off or not there yet; waiting: the picture stands still; still: the line
     * carries the voice and the last picture; away: they lost it. @type {'live' | 'no-picture' | 'waiting' | 'still' | 'away'} */
    this.state = 'live';
    /** @type {import('./parts.js').Line} */
    this.line = 'unknown';
    /** The figures behind `line`. @type {import('../../state/call-controller.js').Quality | undefined} */
    this.quality = undefined;
    this.speaking = false;
    this.silentMicrophone = false;
    this.pinnable = false;
    this.pinned = false;
    /** Fill the place whatever is cut away. */
    this.filled = false;
    /** Show the last picture when the person loses the line. */
    this.remembers = false;
    /** A still that came in place of a moving picture. @type {{ jpeg: string, taken: Date } | undefined} */
    this.fresh = undefined;
    /** The last picture of a track that is gone, shown until there is a new one. @type {HTMLCanvasElement | null} */
    this._still = null;
    this._stillFrom = new Date(0);
    /** @type {{ copy: HTMLCanvasElement, at: number, taken: Date } | null} */
    this._last = null;
    this._size = new ResizeObserver(() => this._fit());
  }

  connectedCallback() {
    super.connectedCallback();
    this._size.observe(this);
    const copying = setInterval(() => this._copy(), COPY_EVERY_MS);
    const onVisible = () => this._play();
    document.addEventListener('visibilitychange', onVisible); // phones stop it for a call
    this.keep(() => {
      this._size.disconnect();
      clearInterval(copying);
      document.removeEventListener('visibilitychange', onVisible);
    });
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('fresh') && this.fresh) this._open(this.fresh);
    if (this.state === 'no-picture') this._still = null;
    else if (
      this._last &&
      (this.state === 'still' || // of any age: its time is said
        ((this.state === 'away' || changed.get('track')) && performance.now() - this._last.at < STILL_MS))
    ) {
      this._still = this._last.copy;
      this._stillFrom = this._last.taken;
    }
  }

  render() {
    const shown = this.track && this.state !== 'no-picture';
    return html`
      <video
        class=${this.mirrored ? 'mirrored' : ''}
        ?hidden=${!shown}
        .srcObject=${live(streamOf(this.track))}
        autoplay
        playsinline
        .muted=${true}
        @resize=${this._fit}
        @playing=${this._onPlaying}
        @timeupdate=${this._onPlaying}
      ></video>
      ${this._still}
      ${shown || this._still ? nothing : html`<div class="tile-initials" aria-hidden="true"><span>${initialsOf(this.person || this.name)}</span></div>`}
      ${this._words()}
      <div class="tile-label">
        ${this.micOff ? html`<c-icon name="microphone-off" .label=${t('call.their_microphone_off')}></c-icon>` : nothing}
        ${this.speaking ? html`<c-icon class="tile-voice" name="voice" .label=${t('call.speaks')}></c-icon>` : nothing}
        <span class="clip">${this.kind === 'screen' ? t('call.screen_of', { name: this.name }) : this.name}</span>
        ${this.about ? html`<span class="tile-about">${this.about}</span>` : nothing}
        ${
          this.silentMicrophone
            ? html`<span class="tile-line" data-testid="their-microphone-silent"
                ><c-icon name="microphone-off"></c-icon>${t('call.their_microphone_silent')}</span
              >`
            : nothing
        }
        ${this.quality ? this._line(this.quality) : nothing}
      </div>
      ${this.pinnable ? this._pin() : nothing}
    `;
  }

  /**
   * How the connection is: a sign with its word for those who hover, a word where it is not good, the figures when pressed.
   * @param {import('../../state/call-controller.js').Quality} quality
   */
  _line(quality) {
    const word = lineText(this.line);
    const id = `line-of-${this.dataset.participant ?? 'me'}-${this.kind}`;
    const isBad = this.line === 'weak' || this.line === 'fair';
    return html`
      <button
        class=${isBad ? 'tile-line' : 'tile-line good'}
        type="button"
        popovertarget=${id}
        title=${word}
        aria-label=${t('call.line_of', { name: this.name, line: word })}
        data-testid="line"
      >
        <c-icon name=${isBad ? 'signal-low' : 'signal'}></c-icon>${isBad ? word : nothing}
      </button>
      <div class="line-details" id=${id} popover data-testid="line-details">
        <p class="strong">${t('call.line_of', { name: this.name, line: word })}</p>
        ${lineFacts(quality)}
      </div>
    `;
  }

  _words() {
    if (this.state === 'away') return html`<p class="tile-words">${t('call.person_away', { name: this.name })}</p>`;
    if (this.state === 'still' && this._still)
      return html`<p class="tile-still">${t('call.still_picture', { time: formatTime(this._stillFrom) })}</p>`;
    if (this.state === 'waiting') return html`<p class="tile-words">${t('call.picture_waiting')}</p>`;
    return nothing;
  }

  _pin() {
    const label = this.pinned ? t('call.unpin', { name: this.name }) : t('call.pin', { name: this.name });
    return html`
      <button
        class="tile-pin"
        type="button"
        aria-pressed=${this.pinned}
        aria-label=${label}
        title=${label}
        @click=${() => this.emit('pin')}
      >
        <c-icon name="pin"></c-icon>
      </button>
    `;
  }

  _onPlaying() {
    if (this.state === 'live' || this.state === 'waiting') this._still = null;
    this._fit();
  }

  /**
   * Keep a small copy of the latest picture: when a track ends the browser drops its last one at once, and the section
   * that brought it may bring somebody else's next.
   */
  _copy() {
    const video = this.querySelector('video');
    if (!this.remembers || this.state !== 'live' || !video?.videoWidth || video.paused || document.hidden) return;
    const copy = this._last && this._last.copy !== this._still ? this._last.copy : document.createElement('canvas');
    const width = Math.min(video.videoWidth, COPY_WIDTH);
    const height = Math.round((width * video.videoHeight) / video.videoWidth);
    if (copy.width !== width || copy.height !== height) [copy.width, copy.height] = [width, height];
    copy.className = video.className;
    copy.getContext('2d')?.drawImage(video, 0, 0, width, height);
    this._last = { copy, at: performance.now(), taken: new Date() };
  }

  /** Let a still that came be the last picture. @param {{ jpeg: string, taken: Date }} fresh */
  async _open({ jpeg, taken }) {
    const copy = await openStill(jpeg);
    if (!copy || (this._last && this._last.taken > taken)) return;
    copy.className = this.querySelector('video')?.className ?? '';
    this._last = { copy, at: performance.now(), taken };
    this.requestUpdate();
  }

  /** Fill the place when little would be cut away; otherwise show the whole picture. Screens are always whole. */
  _fit() {
    const video = this.querySelector('video');
    if (!video || !video.videoWidth || !this.clientHeight) return;
    const picture = video.videoWidth / video.videoHeight;
    const place = this.clientWidth / this.clientHeight;
    const cut = 1 - Math.min(picture / place, place / picture);
    video.classList.toggle('whole', this.kind === 'screen' || (!this.filled && cut > CUT_AT_MOST));
  }

  updated() {
    this._play();
  }

  _play() {
    const video = this.querySelector('video');
    if (video?.srcObject && video.paused) video.play().catch(() => {});
  }
}

customElements.define('c-call-tile', CCallTile);
