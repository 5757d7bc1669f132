// @ts-check
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { t } from '../../i18n/i18n.js';
import { interrupted } from '../../state/devices.js';
import { isPictureless, worse } from '../../state/ladder.js';
import { CElement } from '../element.js';
import '../icon.js';
import { lineOf, roleText } from './parts.js';
import './recording-banner.js';
import './self-view.js';
import './sound.js';
import './tile.js';

/** @typedef {import('../../state/call-controller.js').CallController} CallController */
/** @typedef {import('../../state/room.js').Participant} Participant */
/** @typedef {{ key: string, person: Participant, source: 'camera' | 'screen' }} Place */

/**
 * <c-call-stage .call=${call}>: everybody's pictures and voices. One is large (whoever is pinned, else a shared screen,
 * else the doctor for the patient and the patient for the doctor), the others stand in a strip, oneself in a corner. The
 * foot below the pictures is kept for words: what is going on, short messages, captions.
 */
export class CCallStage extends CElement {
  static properties = { call: { attribute: false }, _pinned: { state: true } };

  constructor() {
    super();
    /** @type {CallController | null} */
    this.call = null;
    this._pinned = '';
    this._size = new ResizeObserver(() => this._placeToasts());
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.call) this.keep(this.call.subscribe(() => this.requestUpdate()));
    const stage = this.querySelector('.stage');
    if (stage) this._size.observe(stage);
    this.keep(() => {
      this._size.disconnect();
      for (const name of ['start', 'end', 'foot']) document.documentElement.style.removeProperty(`--stage-${name}`);
    });
  }

  render() {
    const { call } = this;
    if (!call) return nothing;
    const places = placesOf(call);
    const main = places.find((place) => place.key === this._pinned) ?? mainOf(places, call.isDoctor);
    const strip = places.filter((place) => place !== main);
    return html`
      <div class="stage" data-testid="stage" ?data-broken=${isBroken(call)}>
        <div class=${strip.length > 0 ? 'stage-pictures with-strip' : 'stage-pictures'}>
          <c-recording-banner .call=${call}></c-recording-banner>
          <div class="stage-main">
            ${
              main
                ? repeat(
                    [main],
                    (place) => place.key,
                    (place) => this._tile(place, places.length > 1),
                  )
                : this._alone(call)
            }
          </div>
          ${
            strip.length > 0
              ? html`<div class="stage-strip">
                  ${repeat(
                    strip,
                    (place) => place.key,
                    (place) => this._tile(place, true),
                  )}
                </div>`
              : nothing
          }
          <c-self-view .call=${call} .corner=${call.isDoctor ? 'bottom-right' : 'top-right'}></c-self-view>
          <c-call-sound .call=${call}></c-call-sound>
        </div>
        <div class="stage-foot" data-testid="stage-foot">${this._status(call)}</div>
      </div>
    `;
  }

  firstUpdated() {
    const stage = this.querySelector('.stage');
    if (stage) this._size.observe(stage);
  }

  updated() {
    this._placeToasts();
  }

  /** Short messages stand in the foot of the stage, and above it while it says something itself. */
  _placeToasts() {
    const foot = this.querySelector('.stage-foot')?.getBoundingClientRect();
    if (!foot) return;
    const isTaken = this.querySelector('.stage-status') !== null;
    const { style } = document.documentElement;
    style.setProperty('--stage-start', `${Math.round(foot.left)}px`);
    style.setProperty('--stage-end', `${Math.round(innerWidth - foot.right)}px`);
    style.setProperty('--stage-foot', `${Math.round(innerHeight - (isTaken ? foot.top : foot.bottom))}px`);
  }

  /** @param {Place} place @param {boolean} pinnable */
  _tile({ key, person, source }, pinnable) {
    const call = /** @type {CallController} */ (this.call);
    const track = call.media.remote(person.id, source);
    return html`
      <c-call-tile
        data-testid="tile"
        data-participant=${person.id}
        data-source=${source}
        .name=${person.name}
        .about=${source === 'camera' ? roleText(person.role) : ''}
        .track=${track}
        .kind=${source}
        .micOff=${isMuted(person)}
        .state=${stateOf(call, person, source, track)}
        .line=${lineOf(call.quality[person.id])}
        .quality=${source === 'camera' && person.connected ? call.quality[person.id] : undefined}
        .silentMicrophone=${!isMuted(person) && (call.quality[person.id]?.microphone_silent ?? false)}
        .speaking=${source === 'camera' && person.id === call.speaker}
        .pinnable=${pinnable}
        .remembers=${true}
        .fresh=${source === 'camera' ? call.stills[person.id] : undefined}
        .pinned=${key === this._pinned}
        @pin=${() => this._pin(key)}
      ></c-call-tile>
    `;
  }

  /** @param {CallController} call */
  _alone(call) {
    const text = call.isDoctor ? t('call.alone_doctor') : t('call.alone');
    return html`<div class="stage-empty" data-testid="stage-empty">
      <c-icon class="big" name="people"></c-icon>
      <p>${text}</p>
    </div>`;
  }

  /** A weak connection, said to both sides. @param {import('../../state/ladder.js').Said} said */
  _ladder({ person, rung, words }) {
    const isWritten = rung === 'live_text' || words === 'their_message';
    return html`<div
      class=${rung === 'low_video' ? 'stage-status' : 'stage-status warning'}
      role="status"
      data-testid="ladder"
      data-rung=${rung}
      data-words=${words}
    >
      <c-icon name=${isWritten ? 'chat' : 'signal-low'}></c-icon
      ><span>${t(`call.rung_${words}`, { name: person.name })}</span>
      ${
        isWritten
          ? html`<button
              class="stage-action"
              type="button"
              data-testid="ladder-write"
              @click=${() => this.emit('write')}
            >
              ${t(words === 'their_message' ? 'call.rung_leave_message' : 'call.rung_write')}
            </button>`
          : nothing
      }
    </div>`;
  }

  /** @param {{ name: string, text: string, count: number }} left */
  _messagesLeft(left) {
    return html`<div class="stage-status" role="status" data-testid="messages-left">
      <c-icon name="chat"></c-icon><span>${t('call.messages_left', left)}</span>
      <button class="stage-action" type="button" @click=${() => this.emit('write')}>
        ${t('call.messages_left_read')}
      </button>
    </div>`;
  }

  /** @param {'system_muted' | 'nothing'} trouble */
  _microphoneTrouble(trouble) {
    return html`<div
      class="stage-status warning"
      role="status"
      data-testid="microphone-trouble"
      data-trouble=${trouble}
    >
      <c-icon name="microphone-off"></c-icon><span>${t(`call.microphone_${trouble}`)}</span>
      <button class="stage-action" type="button" @click=${() => this.emit('choose-microphone')}>
        ${t('call.microphone_choose')}
      </button>
    </div>`;
  }

  /** @param {CallController} call */
  _status(call) {
    if (call.local.tracks.screen) {
      return html`
        <div class="stage-status" role="status">
          <c-icon name="screen"></c-icon><span>${t('call.sharing')}</span>
          <button class="stage-action" type="button" data-testid="stop-sharing" @click=${() => call.stopScreen()}>
            ${t('call.stop_sharing')}
          </button>
        </div>
      `;
    }
    if (call.link === 'reconnecting' && !isBroken(call)) {
      return html`<div class="stage-status warning" role="status" data-testid="messages-wait">
        <c-icon name="wifi-off"></c-icon><span>${t('call.messages_wait')}</span>
      </div>`;
    }
    if (isBroken(call)) {
      return html`<div class="stage-status warning" role="status" data-testid="reconnecting">
        <c-icon name="wifi-off"></c-icon
        ><span>${call.link === 'draining' ? t('call.draining') : t('call.reconnecting')}</span>
      </div>`;
    }
    if (call.cutOff) {
      return html`<div class="stage-status warning" role="status" data-testid="cut-off">
        <c-icon name="alert"></c-icon><span>${t('call.cut_off')}</span>
        <button class="stage-action" type="button" data-testid="try-again" @click=${() => call.tryMediaAgain()}>
          ${t('core.try_again')}
        </button>
      </div>`;
    }
    const taken = interrupted(call.local.state, call.local.muted);
    if (taken !== 'none') {
      return html`<div class="stage-status warning" role="status" data-testid="interrupted">
        <c-icon name="alert"></c-icon><span>${t(`call.interrupted_${taken}`)}</span>
        <button class="stage-action" type="button" data-testid="recover" @click=${() => call.local.recover()}>
          ${t('core.try_again')}
        </button>
      </div>`;
    }
    if (call.messagesLeft) return this._messagesLeft(call.messagesLeft);
    if (call.microphoneTrouble) return this._microphoneTrouble(call.microphoneTrouble);
    if (call.ladder && !(call.soundOnly && isPictureless(call.ladder.rung))) return this._ladder(call.ladder);
    if (call.soundOnly) {
      return html`<div class="stage-status" role="status">
        <c-icon name="speaker"></c-icon><span>${t('call.sound_only_now')}</span>
        <button class="stage-action" type="button" @click=${() => call.setSoundOnly(false)}>
          ${t('call.pictures_again')}
        </button>
      </div>`;
    }
    if (lineOf(call.quality[call.you?.participant ?? '']) === 'weak') {
      return html`<div class="stage-status warning" role="status">
        <c-icon name="signal-low"></c-icon><span>${t('call.own_line_weak')}</span>
        <button class="stage-action" type="button" @click=${() => call.setSoundOnly(true)}>
          ${t('call.sound_only')}
        </button>
      </div>`;
    }
    return nothing;
  }

  /** @param {string} key */
  _pin(key) {
    this._pinned = this._pinned === key ? '' : key;
  }
}

/** @param {CallController} call @returns {Place[]} */
function placesOf(call) {
  return call.others.flatMap((person) => {
    /** @type {Place[]} */
    const places = [{ key: `${person.id}/camera`, person, source: 'camera' }];
    if (person.tracks.screen) places.unshift({ key: `${person.id}/screen`, person, source: 'screen' });
    return places;
  });
}

/** @param {Place[]} places @param {boolean} isDoctor */
function mainOf(places, isDoctor) {
  const wanted = isDoctor ? 'patient' : 'clinician';
  return (
    places.find((place) => place.source === 'screen') ??
    places.find((place) => place.person.role === wanted) ??
    places[0]
  );
}

/** Whether sound and picture are cut off; without the socket they may go on. @param {CallController} call */
function isBroken(call) {
  const { link, media } = call;
  return media.status === 'reconnecting' || link === 'draining' || (link !== 'connected' && media.status !== 'connected');
}

/** @param {Participant} person */
function isMuted(person) {
  return person.connected && (person.tracks.microphone?.muted ?? true);
}

/**
 * @param {CallController} call @param {Participant} person @param {'camera' | 'screen'} source @param {MediaStreamTrack | null} track
 * @returns {'live' | 'no-picture' | 'waiting' | 'still' | 'away'}
 */
function stateOf(call, person, source, track) {
  if (!person.connected || call.silent.has(person.id)) return 'away';
  const rung = worse(call.me?.receives ?? 'high_video', person.sends);
  const isOff = person.tracks[source]?.muted ?? true;
  if (rung === 'still_picture' && !call.soundOnly && !isOff) return 'still';
  if (call.soundOnly || isOff) return isBroken(call) && track ? 'live' : 'no-picture';
  if (!track) return 'no-picture';
  return call.media.stats.frozen.has(`${person.id}/${source}`) && !isBroken(call) ? 'waiting' : 'live';
}

customElements.define('c-call-stage', CCallStage);
