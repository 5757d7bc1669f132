// @ts-check
import { html, nothing } from 'lit';
import { live } from 'lit/directives/live.js';
import { repeat } from 'lit/directives/repeat.js';
import { t } from '../../i18n/i18n.js';
import { CElement } from '../element.js';
import '../icon.js';
import { streamOf } from './parts.js';

/** Plays everybody else's voice on the chosen speaker; asks for a tap where the browser wants one first. */
export class CCallSound extends CElement {
  static properties = { call: { attribute: false }, _blocked: { state: true } };

  constructor() {
    super();
    /** @type {import('../../state/call-controller.js').CallController | null} */
    this.call = null;
    this._blocked = false;
    this._playAll = () => {
      for (const audio of this.querySelectorAll('audio')) this._play(audio);
    };
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) this.keep(this.call.subscribe(() => this.requestUpdate()));
    document.addEventListener('visibilitychange', this._playAll); // phones stop it for a call
    this.keep(() => document.removeEventListener('visibilitychange', this._playAll));
  }

  render() {
    const { call } = this;
    if (!call) return nothing;
    const voices = call.others
      .map((person) => ({ id: person.id, track: call.media.remote(person.id, 'microphone') }))
      .filter((voice) => voice.track);
    return html`
      ${repeat(
        voices,
        (voice) => voice.id,
        (voice) => html`
          <audio autoplay data-participant=${voice.id} .srcObject=${live(streamOf(voice.track))}></audio>
        `,
      )}
      ${
        this._blocked
          ? html`<button
              class="button primary sound-button"
              type="button"
              data-testid="sound-on"
              @click=${this._playAll}
            >
              <c-icon name="speaker"></c-icon>${t('call.sound_on')}
            </button>`
          : nothing
      }
    `;
  }

  updated() {
    const speaker = this.call?.local.state.chosen.speaker?.id;
    for (const audio of this.querySelectorAll('audio')) {
      if (audio.paused && audio.srcObject) this._play(audio);
      if (speaker && 'setSinkId' in audio && audio.sinkId !== speaker) audio.setSinkId(speaker).catch(() => {});
    }
  }

  /** @param {HTMLAudioElement} audio */
  _play(audio) {
    audio.play().then(
      () => {
        this._blocked = false;
      },
      (error) => {
        if (error.name === 'NotAllowedError') this._blocked = true;
      },
    );
  }
}

customElements.define('c-call-sound', CCallSound);
