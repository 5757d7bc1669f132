// @ts-check
import { html, nothing } from 'lit';
import { toBase64 } from '../crypto/bytes.js';
import { partFor, recordingKey } from '../crypto/custody.js';
import { freshKeyPair } from '../crypto/hpke.js';
import { errorText, formatDateTime, t } from '../i18n/i18n.js';
import { ApiError, api } from '../net/api.js';
import { keepReleaseKey, releaseKey } from '../state/release-keys.js';
import { beginPlayback, canPlaySealed } from '../state/sealed-playback.js';
import { CElement } from './element.js';
import { announce, toast } from './toast.js';
import './badge.js';
import './icon.js';
import './key-opener.js';
import './viewing-reason.js';

/**
 * @typedef {{ id: string, state: 'asked' | 'granted' | 'declined' | 'withdrawn', over: boolean, reason: string,
 *   asked_by: string, asked_at: string, yours: boolean, public_key: string, quorum: number, given_by: string[],
 *   given_by_you: boolean, granted_at: string | null, ended_by: string | null, ended_at: string | null,
 *   decline_reason: string }} Release
 * @typedef {{ quorum: number | null, holders: string[], own_part: { custodian_key: string, sealed: string } | null,
 *   releases: Release[] }} Custody
 * @typedef {{ reason: string, until: number, media: string, isSealed: boolean }} Opened
 */

const POLL_MS = 4000;
const KINDS = { asked: 'warning', granted: 'good', declined: 'danger', withdrawn: 'plain' };

/**
 * <c-release .consultation .custody .expired>: a recording that is in custody. Whoever wants to see it asks; custodians give
 * their parts or decline; it opens in the browser that asked. Tells `custody` when something changed, `opened` with what the
 * player needs, `altered` when the film is not what was signed.
 */
export class CRelease extends CElement {
  static properties = {
    consultation: { type: String },
    custody: { attribute: false },
    expired: { type: Boolean },
    _busy: { state: true },
    _declining: { state: true },
    _problem: { state: true },
    _mine: { state: true },
  };

  constructor() {
    super();
    this.consultation = '';
    /** @type {Custody | null} */
    this.custody = null;
    this.expired = false;
    this._busy = false;
    this._declining = '';
    this._problem = '';
    /** Public keys of requests that were made in this browser. @type {Set<string>} */
    this._mine = new Set();
  }

  connectedCallback() {
    super.connectedCallback();
    const poll = setInterval(() => {
      if (this._open && !document.hidden && !this._busy) this._reload();
    }, POLL_MS);
    this.keep(() => clearInterval(poll));
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('custody')) this._findMine();
  }

  /** One's own request that goes on. @returns {Release | undefined} */
  get _open() {
    return this.custody?.releases.find(({ yours, over }) => yours && !over);
  }

  render() {
    const { custody } = this;
    if (!custody) return nothing;
    const own = this._open;
    const others = custody.releases.filter(({ over, yours }) => !over && !yours);
    const ended = custody.releases.filter(({ over }) => over);
    return html`<div class="stack loose">
      <section class="card stack" aria-labelledby="custody-title" data-testid="release">
        <h2 id="custody-title"><c-icon name="lock"></c-icon> ${t('release.title')}</h2>
        <p>${t('release.text', { quorum: custody.quorum ?? 0, holders: custody.holders.join(t('custody.comma')) })}</p>
        ${canPlaySealed() ? nothing : html`<p class="notice warning">${t('release.private_window')}</p>`}
        ${own ? this._own(own) : nothing} ${others.map((release) => this._request(release))}
        ${
          ended.length > 0
            ? html`<details class="small" data-testid="earlier-releases">
                <summary>${t('release.earlier', { count: ended.length })}</summary>
                ${ended.map((release) => this._facts(release))}
              </details>`
            : nothing
        }
      </section>
      ${
        own
          ? nothing
          : html`<c-viewing-reason
              asks
              .busy=${this._busy}
              .expired=${this.expired}
              @reason=${(/** @type {CustomEvent<string>} */ event) => this._ask(event.detail)}
            ></c-viewing-reason>`
      }
    </div>`;
  }

  /** @param {Release} release */
  _own(release) {
    const isHere = this._mine.has(release.public_key);
    return html`
      <div class="stack tight" data-testid="own-release" data-state=${release.state}>
        ${this._facts(release)} ${this._answer(release)}
        ${
          release.state === 'granted' && isHere
            ? html`<div>
                <button
                  class="button primary"
                  type="button"
                  aria-busy=${this._busy}
                  ?disabled=${this._busy || !canPlaySealed()}
                  data-testid="open-release"
                  @click=${() => this._play(release)}
                >
                  <c-icon name="play"></c-icon>${t('release.open')}
                </button>
              </div>`
            : nothing
        }
        ${isHere ? nothing : html`<p class="quiet" data-testid="another-browser">${t('release.another_browser')}</p>`}
        <div>
          <button
            class="button"
            type="button"
            ?disabled=${this._busy}
            data-testid="withdraw-release"
            @click=${() => this._change(`${release.id}/withdraw`, undefined, 'release.withdrawn')}
          >
            ${t('release.withdraw')}
          </button>
        </div>
      </div>
    `;
  }

  /** Somebody else's request, for a custodian. @param {Release} release */
  _request(release) {
    return html`
      <div class="stack tight" data-testid="request" data-state=${release.state}>
        ${this._facts(release)} ${this._answer(release)}
        ${
          this._declining === release.id
            ? html`<form
                class="stack tight"
                novalidate
                @submit=${(/** @type {SubmitEvent} */ event) => this._decline(event, release)}
              >
                <div class="field">
                  <label for="decline-reason">${t('release.decline_reason')}</label>
                  <input
                    class="input"
                    id="decline-reason"
                    name="reason"
                    maxlength="300"
                    autocomplete="off"
                    aria-describedby="decline-problem"
                    data-testid="decline-reason"
                  />
                  <p class="error" id="decline-problem" role="alert">${this._problem}</p>
                </div>
                <div>
                  <button class="button danger" type="submit" ?disabled=${this._busy} data-testid="decline">
                    ${t('release.decline')}
                  </button>
                </div>
              </form>`
            : html`<div>
                <button
                  class="button"
                  type="button"
                  data-testid="begin-decline"
                  @click=${() => {
                    this._declining = release.id;
                    this._problem = '';
                  }}
                >
                  ${t(release.state === 'granted' ? 'release.take_back' : 'release.decline')} …
                </button>
              </div>`
        }
      </div>
    `;
  }

  /** What a custodian may do about a request that waits for parts. @param {Release} release */
  _answer(release) {
    const part = this.custody?.own_part;
    if (release.given_by_you) return html`<p class="quiet" data-testid="given">${t('release.given')}</p>`;
    if (release.state !== 'asked' || !part) return nothing;
    return html`<c-key-opener
      .fingerprint=${part.custodian_key}
      .action=${t('release.give')}
      .busy=${this._busy}
      @key=${(/** @type {CustomEvent<import('../crypto/key-file.js').CustodianKey>} */ event) => this._give(release, event.detail)}
    ></c-key-opener>`;
  }

  /** @param {Release} release */
  _facts(release) {
    const { state, given_by: givers, quorum } = release;
    const shown = release.over && (state === 'asked' || state === 'granted') ? 'lapsed' : state;
    return html`
      <ul class="stack tight small">
        <li>
          <c-badge kind=${shown === 'lapsed' ? 'plain' : KINDS[state]} text=${t(`release.state.${shown}`)}></c-badge>
        </li>
        <li>
          <span class="strong">${t('release.asked_by', { name: release.asked_by })}</span>
          <span class="quiet">${formatDateTime(release.asked_at)}</span>
          <span class="block written">${release.reason}</span>
        </li>
        <li data-testid="parts-given">
          ${t('release.parts', { given: givers.length, quorum, names: givers.join(t('custody.comma')) || '–' })}
        </li>
        ${
          release.ended_by
            ? html`<li>
                <span class="strong">${t(`release.ended.${state}`, { name: release.ended_by })}</span>
                <span class="quiet">${formatDateTime(release.ended_at ?? '')}</span>
                ${release.decline_reason ? html`<span class="block written">${release.decline_reason}</span>` : nothing}
              </li>`
            : nothing
        }
      </ul>
    `;
  }

  async _findMine() {
    const found = new Set();
    try {
      for (const { public_key: key, yours, over } of this.custody?.releases ?? []) {
        if (yours && !over && (await releaseKey(key))) found.add(key);
      }
    } catch {
      // A browser that keeps nothing: what was asked before can't be opened in it.
    }
    this._mine = found;
  }

  /** @param {string} reason */
  async _ask(reason) {
    await this._during(async () => {
      const { publicKey, privateKey } = await freshKeyPair();
      const mine = toBase64(publicKey);
      await keepReleaseKey(mine, privateKey);
      const custody = await api.post(`/archive/${this.consultation}/releases`, { reason, public_key: mine });
      this._tell(custody);
      announce(t('release.asked'));
    });
  }

  /** @param {Release} release @param {import('../crypto/key-file.js').CustodianKey} key */
  async _give(release, key) {
    const part = this.custody?.own_part;
    if (!part) return;
    await this._during(async () => {
      const sealed = await partFor({ consultation: this.consultation, release, part, key });
      const path = `/archive/${this.consultation}/releases/${release.id}/part`;
      const custody = /** @type {Custody} */ (await api.post(path, { part: sealed }));
      this._tell(custody);
      announce(t('release.part_given'));
      const granted = custody.releases.find(
        ({ id, state, yours }) => id === release.id && state === 'granted' && yours,
      );
      if (granted && canPlaySealed()) await this._openHere(granted);
    });
  }

  /** @param {SubmitEvent} event @param {Release} release */
  async _decline(event, release) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const reason = String(form.get('reason')).trim();
    this._problem = reason.length < 3 ? t('release.decline_why') : '';
    if (this._problem) return;
    this._declining = '';
    await this._change(`${release.id}/decline`, { reason }, 'release.declined');
  }

  /** @param {string} path @param {object | undefined} body @param {string} done */
  async _change(path, body, done) {
    await this._during(async () => {
      this._tell(await api.post(`/archive/${this.consultation}/releases/${path}`, body));
      announce(t(done));
    });
  }

  /** @param {Release} release */
  async _play(release) {
    await this._during(() => this._openHere(release));
  }

  /** @param {Release} release */
  async _openHere(release) {
    const privateKey = await releaseKey(release.public_key);
    if (!privateKey) throw new Error(t('release.another_browser'));
    const path = `/archive/${this.consultation}/releases/${release.id}/viewing`;
    const viewing = /** @type {import('../crypto/custody.js').SealedViewing} */ (await api.post(path));
    const key = await recordingKey(viewing, release.id, privateKey);
    const film = { blob: viewing.blob, size: viewing.size_bytes, key, media: viewing.media_url };
    const media = await beginPlayback(this.consultation, film);
    const until = Date.now() + viewing.expires_in * 1000;
    this.emit('opened', { reason: release.reason, until, media, isSealed: true });
  }

  /** @param {() => Promise<void>} work */
  async _during(work) {
    this._busy = true;
    try {
      await work();
    } catch (error) {
      if (error instanceof ApiError && error.code === 'recording_altered') this.emit('altered');
      else toast(error instanceof ApiError ? errorText(error) : t('release.did_not_open'), { kind: 'danger' });
      await this._reload();
    } finally {
      this._busy = false;
    }
  }

  async _reload() {
    try {
      const custody = /** @type {Custody} */ (await api.get(`/archive/${this.consultation}/releases`));
      this._tell(custody);
    } catch {
      // The next one may get through.
    }
  }

  /** @param {Custody} custody */
  _tell(custody) {
    this.custody = custody;
    this.emit('custody', custody);
  }
}

customElements.define('c-release', CRelease);
