// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDateTime, formatDuration, formatTime, hasText, language, t } from '../i18n/i18n.js';
import { ApiError, api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { departmentName } from '../state/clinic.js';
import { endPlayback } from '../state/sealed-playback.js';
import { isChapter, lanesOf, transcriptOf } from '../state/playback.js';
import { download, follow } from './download.js';
import { Page } from './element.js';
import { patientFacts } from './plan-dialog.js';
import { Resource } from './resource.js';
import { eventText } from './transcript.js';
import './badge.js';
import './icon.js';
import './note-text.js';
import './quality-minutes.js';
import './record-facts.js';
import './release.js';
import './timeline-strip.js';
import './viewing-reason.js';
import { announce, toast } from './toast.js';

/** @typedef {import('../state/playback.js').ArchiveRecord} ArchiveRecord */

const SPEEDS = [0.75, 1, 1.25, 1.5, 2];
const POLL_MS = 2000;

/**
 * One archived visit: its transcript and proofs; the recording is played once a reason is given. Opening the page and opening
 * the recording are each written into the access log.
 */
export class CArchiveRecord extends Page {
  static properties = {
    ...Page.properties,
    _viewing: { state: true },
    _position: { state: true },
    _playing: { state: true },
    _speed: { state: true },
    _mediaFailed: { state: true },
    _busy: { state: true },
    _altered: { state: true },
  };

  constructor() {
    super();
    /** What was given after a reason: how long it lasts, where the media is. @type {{ reason: string, until: number, media: string, isSealed: boolean } | null} */
    this._viewing = null;
    this._position = 0;
    this._playing = false;
    this._speed = 1;
    this._mediaFailed = false;
    this._busy = false;
    /** Whether playing was refused, because the film isn't what was signed. */
    this._altered = false;
    this._expired = false;
    /** @type {Resource<ArchiveRecord>} */
    this._record = new Resource(this, () => api.get(`/archive/${this.params.id}`));
    /** How the recording is kept. @type {Resource<import('./release.js').Custody>} */
    this._custody = new Resource(this, () => api.get(`/archive/${this.params.id}/releases`));
    /** @type {string | undefined} */
    this._lastState = undefined;
  }

  get heading() {
    const visit = this._record.value?.consultation;
    return visit
      ? t('record_page.title', {
          name: visit.patient.name,
          date: formatDateTime(visit.started_at ?? visit.scheduled_at),
        })
      : t('archive.title');
  }

  connectedCallback() {
    super.connectedCallback();
    const poll = setInterval(() => {
      const state = this._record.value?.recording?.state;
      if ((state === 'composing' || state === 'recording') && !document.hidden && !this._record.isLoading)
        this._record.load();
    }, POLL_MS);
    const clock = setInterval(() => {
      if (this._viewing && Date.now() > this._viewing.until) this._expire();
    }, 1000);
    this.keep(() => {
      clearInterval(poll);
      clearInterval(clock);
    });
  }

  /** @param {import('lit').PropertyValues} changed */
  updated(changed) {
    super.updated(changed);
    const state = this._record.value?.recording?.state;
    if (state === 'ready' && this._lastState && this._lastState !== 'ready') {
      announce(t('recording_state.ready'));
    }
    this._lastState = state;
  }

  render() {
    return html`
      <div class="page record-page">
        <a class="back-link" href="/archive"><c-icon name="arrow-left"></c-icon>${t('record_page.back')}</a>
        ${this._record.render((record) => this._page(record), { lines: 12 })}
      </div>
    `;
  }

  /** @param {ArchiveRecord} record */
  _page(record) {
    const visit = record.consultation;
    return html`
      <header class="stack tight">
        <h1 tabindex="-1">${this.heading}</h1>
        <p class="quiet">${patientFacts(visit.patient)}</p>
        <p>
          ${[visit.clinician.name, departmentName(visit.department, language()), visit.reason].filter(Boolean).join(' · ')}
        </p>
      </header>
      <div class="record-layout">
        <div class="stack loose record-main">
          ${this._recording(record)} ${record.destroyed_at ? nothing : this._transcript(record)}
          <c-quality-minutes .participants=${record.participants} .minutes=${record.quality}></c-quality-minutes>
        </div>
        <aside class="stack record-side" aria-label=${t('record_page.facts')}>
          ${record.destroyed_at ? nothing : this._downloads(record)}
          <c-record-facts
            .record=${record}
            .playable=${this._viewing !== null}
            @checked=${() => this._record.load()}
            @seek=${this._onSeek}
          ></c-record-facts>
        </aside>
      </div>
    `;
  }

  /** The player, or what stands in its way. @param {ArchiveRecord} record */
  _recording(record) {
    const { recording } = record;
    if (record.destroyed_at) {
      return html`<div class="notice" data-testid="all-destroyed">
        <c-icon name="info"></c-icon>
        <div>
          <p class="strong">${t('record_page.all_destroyed', { time: formatDateTime(record.destroyed_at) })}</p>
          <p>${t('record_page.all_destroyed_text')}</p>
        </div>
      </div>`;
    }
    if (!recording) {
      return html`<div class="notice" data-testid="not-recorded">
        <c-icon name="info"></c-icon>
        <div>
          <p class="strong">${t('record_page.not_recorded')}</p>
          <p>${t('record_page.not_recorded_text')}</p>
        </div>
      </div>`;
    }
    const destroyedAt = record.integrity?.destroyed_at;
    if (destroyedAt) {
      return html`<div class="notice" data-testid="destroyed">
        <c-icon name="info"></c-icon>
        <div>
          <p class="strong">${t('record_page.destroyed', { time: formatDateTime(destroyedAt) })}</p>
          <p>${t('record_page.destroyed_text')}</p>
        </div>
      </div>`;
    }
    if (recording.state === 'composing') {
      return html`<div class="notice" data-testid="composing">
        <c-icon name="clock"></c-icon>
        <div class="grow stack tight">
          <p class="strong">${t('record_page.composing')}</p>
          <p>${t('record_page.composing_text')}</p>
          <progress
            class="progress"
            max="100"
            value=${recording.progress}
            aria-label=${t('record_page.composing')}
          ></progress>
          <p class="small figures">${t('record_page.progress', { progress: recording.progress })}</p>
        </div>
      </div>`;
    }
    if (recording.state === 'failed') return this._failed(recording.failure ?? 'internal');
    if (recording.state === 'recording') {
      return html`<div class="notice">
        <c-icon name="info"></c-icon>
        <div>
          <p class="strong">${t('record_page.recording_now')}</p>
          <p>${t('record_page.recording_now_text')}</p>
        </div>
      </div>`;
    }
    if (this._viewing) return this._player(record);
    if (this._altered) {
      return html`<div class="notice danger" role="alert" data-testid="altered">
        <c-icon name="alert"></c-icon>
        <div class="grow stack tight">
          <p class="strong">${t('record_page.altered')}</p>
          <p>${t('record_page.altered_text')}</p>
        </div>
      </div>`;
    }
    if (!this._custody.value) return this._custody.render(() => nothing, { lines: 4 });
    if (this._custody.value.quorum !== null) {
      return html`<c-release
        .consultation=${this.params.id}
        .custody=${this._custody.value}
        .expired=${this._expired}
        @custody=${(/** @type {CustomEvent<import('./release.js').Custody>} */ event) => this._custody.set(event.detail)}
        @opened=${(/** @type {CustomEvent<import('./release.js').Opened>} */ event) => this._show(event.detail)}
        @altered=${this._refuse}
      ></c-release>`;
    }
    return html`<c-viewing-reason
      .busy=${this._busy}
      .expired=${this._expired}
      @reason=${(/** @type {CustomEvent<string>} */ event) => this._open(event.detail)}
    ></c-viewing-reason>`;
  }

  /** Why there is no film, and what to do about it. @param {string} failure */
  _failed(failure) {
    const words = `record_page.failure.${failure}`;
    const isHopeless = failure === 'nothing_recorded';
    return html`<div
      class=${isHopeless ? 'notice warning' : 'notice danger'}
      role="alert"
      data-testid="composition-failed"
      data-failure=${failure}
    >
      <c-icon name="alert"></c-icon>
      <div class="grow stack tight">
        <p class="strong">${t('record_page.failed')}</p>
        <p>${t(hasText(words) ? words : 'record_page.failure.internal')}</p>
        ${
          isHopeless
            ? nothing
            : html`<p class="quiet">${t('record_page.failed_safe')}</p>
                <div>
                  <button
                    class="button"
                    type="button"
                    aria-busy=${this._busy}
                    ?disabled=${this._busy}
                    data-testid="compose-again"
                    @click=${this._composeAgain}
                  >
                    <c-icon name="refresh"></c-icon>${t('record_page.retry')}
                  </button>
                </div>`
        }
      </div>
    </div>`;
  }

  /** @param {ArchiveRecord} record */
  _transcript(record) {
    return html`
      <section class="card transcript-card">
        <c-transcript
          .lines=${transcriptOf(record)}
          .position=${this._position}
          .playable=${this._viewing !== null}
          @seek=${this._onSeek}
          @open-attachment=${this._openAttachment}
        ></c-transcript>
      </section>
    `;
  }

  /** @param {ArchiveRecord} record */
  _player(record) {
    const lines = transcriptOf(record);
    const duration = record.recording?.duration_ms ?? 0;
    return html`
      <section class="card player" aria-label=${t('record_page.player', { name: record.consultation.patient.name })}>
        <video
          class="player-video"
          controls
          preload="metadata"
          playsinline
          src=${this._viewing?.media ?? nothing}
          data-testid="player"
          aria-label=${t('record_page.player', { name: record.consultation.patient.name })}
          @timeupdate=${this._tick}
          @seeking=${this._tick}
          @play=${() => {
            this._playing = true;
          }}
          @pause=${() => {
            this._playing = false;
          }}
          @error=${this._mediaError}
        ></video>
        ${
          this._mediaFailed
            ? html`<div class="notice danger" role="alert">
                <c-icon name="alert"></c-icon><span class="grow">${t('record_page.player_failed')}</span>
                <button class="button" type="button" @click=${this._reloadMedia}>${t('core.try_again')}</button>
              </div>`
            : nothing
        }
        <div class="player-bar">
          <button
            class="icon-button"
            type="button"
            aria-label=${t('record_page.back_10')}
            title=${t('record_page.back_10')}
            @click=${() => this._seek(this._position - 10_000)}
          >
            <span class="figures" aria-hidden="true">−10</span>
          </button>
          <button class="button" type="button" data-testid="play" @click=${this._toggle}>
            <c-icon name=${this._playing ? 'pause' : 'play'}></c-icon
            >${t(this._playing ? 'record_page.pause' : 'record_page.play')}
          </button>
          <button
            class="icon-button"
            type="button"
            aria-label=${t('record_page.forward_10')}
            title=${t('record_page.forward_10')}
            @click=${() => this._seek(this._position + 10_000)}
          >
            <span class="figures" aria-hidden="true">+10</span>
          </button>
          <span class="figures player-time"
            >${t('record_page.position', { now: formatDuration(this._position), total: formatDuration(duration) })}</span
          >
          <span class="spacer"></span>
          <label class="row"
            ><span class="small quiet">${t('record_page.speed')}</span>
            <select class="input" data-testid="speed" @change=${this._changeSpeed}>
              ${SPEEDS.map((speed) => html`<option value=${speed} ?selected=${speed === this._speed}>${speed}×</option>`)}
            </select></label
          >
        </div>
        <c-timeline-strip
          .lanes=${lanesOf(record)}
          .marks=${marksOf(lines)}
          .duration=${duration}
          .position=${this._position}
          @seek=${this._onSeek}
        ></c-timeline-strip>
        ${this._chapters(record)}
      </section>
    `;
  }

  /** @param {ArchiveRecord} record */
  _chapters({ timeline }) {
    const chapters = timeline.filter((event) => isChapter(event) && event.offset_ms !== null);
    if (chapters.length === 0) return nothing;
    return html`
      <details class="chapters" open>
        <summary>${t('record_page.chapters')}</summary>
        <ol class="chapter-list">
          ${chapters.map(
            (event) =>
              html` <li>
                <button
                  class="chapter"
                  type="button"
                  data-testid="chapter"
                  @click=${() => this._seek(event.offset_ms ?? 0)}
                >
                  <span class="figures">${formatDuration(event.offset_ms ?? 0)}</span><span>${eventText(event)}</span>
                </button>
              </li>`,
          )}
        </ol>
      </details>
    `;
  }

  /** @param {ArchiveRecord} record */
  _downloads(record) {
    const viewing = this._viewing;
    const { recording } = record;
    const item = (/** @type {() => unknown} */ action, /** @type {string} */ key, /** @type {string} */ id) =>
      html` <button class="button" type="button" data-testid=${id} @click=${action}>
        <c-icon name="download"></c-icon>${t(key)}
      </button>`;
    return html`
      <section class="card tight stack tight" aria-labelledby="download-title">
        <h2 id="download-title">${t('record_page.download')}</h2>
        ${viewing && !viewing.isSealed && recording?.state === 'ready' ? item(() => follow(`${viewing.media}?download=1`), 'record_page.download_media', 'download-media') : nothing}
        ${viewing && !viewing.isSealed && auth.me?.role === 'custodian' && record.integrity?.signed_at ? item(() => follow(`/api/v1/archive/${this.params.id}/package.zip`), 'record_page.download_package', 'download-package') : nothing}
        ${viewing?.isSealed ? html`<p class="small quiet" data-testid="sealed-hint">${t('release.download_hint')}</p>` : nothing}
        ${item(() => this._save('transcript.json'), 'record_page.download_json', 'download-json')}
        ${item(() => this._save('transcript.html'), 'record_page.download_html', 'download-html')}
        <p class="small quiet">
          ${
            viewing
              ? `${t('record_page.logged', { reason: viewing.reason })} · ${t('record_page.expires', { time: formatTime(viewing.until) })}`
              : t('record_page.opening_logged')
          }
        </p>
      </section>
    `;
  }

  /** @param {'transcript.json' | 'transcript.html'} part */
  async _save(part) {
    try {
      const query = part === 'transcript.html' ? { zone: Intl.DateTimeFormat().resolvedOptions().timeZone } : {};
      download(
        await api.blob(`/archive/${this.params.id}/${part}`, { query }),
        part.replace('.', `-${this.params.id}.`),
      );
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }

  /** @param {string} reason */
  async _open(reason) {
    this._busy = true;
    try {
      const { expires_in, media_url } = await api.post(`/archive/${this.params.id}/viewing`, { reason });
      this._show({ reason, until: Date.now() + expires_in * 1000, media: media_url, isSealed: false });
    } catch (error) {
      if (error instanceof ApiError && error.code === 'recording_altered') this._refuse();
      else if (error instanceof ApiError && error.code === 'recording_in_custody') this._custody.load();
      else toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }

  /** Play. @param {import('./release.js').Opened} viewing */
  _show(viewing) {
    this._viewing = viewing;
    this._mediaFailed = false;
    this._expired = false;
  }

  _refuse() {
    this._altered = true;
    this._record.load();
  }

  _expire() {
    endPlayback(this.params.id);
    this._viewing = null;
    this._playing = false;
    this._position = 0;
    this._expired = true;
    announce(t('record_page.expired'));
  }

  async _composeAgain() {
    this._busy = true;
    try {
      await api.post(`/archive/${this.params.id}/compose`);
      toast(t('record_page.retrying'));
      await this._record.load();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }

  get _video() {
    return /** @type {HTMLVideoElement | null} */ (this.querySelector('video'));
  }

  _tick() {
    this._position = (this._video?.currentTime ?? 0) * 1000;
  }

  /** @param {CustomEvent<number>} event */
  _onSeek(event) {
    this._seek(event.detail);
  }

  /** @param {number} ms */
  _seek(ms) {
    const video = this._video;
    if (!video) return;
    video.currentTime = Math.max(0, ms / 1000);
    this._position = Math.max(0, ms);
  }

  _toggle() {
    const video = this._video;
    if (!video) return;
    if (video.paused) video.play().catch(() => this._mediaError());
    else video.pause();
  }

  /** @param {Event} event */
  _changeSpeed(event) {
    this._speed = Number(/** @type {HTMLSelectElement} */ (event.target).value);
    if (this._video) this._video.playbackRate = this._speed;
  }

  _mediaError() {
    this._mediaFailed = true;
    this._playing = false;
  }

  _reloadMedia() {
    this._mediaFailed = false;
    this._video?.load();
  }

  /** @param {CustomEvent<import('../state/playback.js').Attachment>} event */
  async _openAttachment(event) {
    const { id, name } = event.detail;
    try {
      download(await api.blob(`/consultations/${this.params.id}/attachments/${id}`), name);
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }
}

/** @param {import('../state/playback.js').Line[]} lines @returns {import('./timeline-strip.js').Mark[]} */
function marksOf(lines) {
  /** @type {import('./timeline-strip.js').Mark[]} */
  const marks = [];
  for (const line of lines) {
    if (line.offset === null) continue;
    if (line.type === 'message') marks.push({ offset: line.offset, kind: 'message', text: line.message.author_name });
    else
      marks.push({
        offset: line.offset,
        kind: line.event.kind === 'consent_recorded' ? 'consent' : 'event',
        text: eventText(line.event),
      });
  }
  return marks;
}

customElements.define('c-archive-record', CArchiveRecord);
