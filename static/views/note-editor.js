// @ts-check
import { html, nothing } from 'lit';
import { live } from 'lit/directives/live.js';
import { errorText, formatTime, formatDateTime, t } from '../i18n/i18n.js';
import { hasUnsavedNotes, noteSaver } from '../net/note-saver.js';
import { isBlank, isSigned, SECTIONS } from '../state/note.js';
import { confirmDialog } from './dialog.js';
import { CElement } from './element.js';
import './error-panel.js';
import './icon.js';
import './note-text.js';
import './skeleton.js';
import { announce, toast } from './toast.js';

/** @typedef {import('../state/note.js').Section} Section */

const TEMPLATES = ['general', 'followup', 'hypertension'];
const PHASE_ICONS = {
  loading: 'clock',
  saved: 'check',
  unsaved: 'edit',
  saving: 'refresh',
  failed: 'alert',
  conflict: 'alert',
};

/** <c-note-editor .consultation=id>: the SOAP note, saved as it is typed; then signed; then added to. */
export class CNoteEditor extends CElement {
  static properties = {
    consultation: { attribute: false },
    _error: { state: true },
    _busy: { state: true },
    _addendum: { state: true },
  };

  constructor() {
    super();
    this.consultation = '';
    /** @type {unknown} */
    this._error = null;
    this._busy = false;
    this._addendum = '';
    /** @type {import('../net/note-saver.js').NoteSaver | null} */
    this._saver = null;
    /** @type {import('../state/note.js').Phase} */
    this._lastPhase = 'loading';
  }

  /** @param {import('lit').PropertyValues} changed */
  willUpdate(changed) {
    if (changed.has('consultation') && this.consultation) {
      this._saver = noteSaver(this.consultation);
      this._lastPhase = this._saver.state.phase;
      this.keep(this._saver.subscribe(() => this._changed()));
      this._load();
    }
  }

  connectedCallback() {
    super.connectedCallback();
    const online = () => this._saver?.flush();
    const leaving = (/** @type {BeforeUnloadEvent} */ event) => {
      if (hasUnsavedNotes()) event.preventDefault();
    };
    addEventListener('online', online);
    addEventListener('beforeunload', leaving);
    this.keep(() => {
      removeEventListener('online', online);
      removeEventListener('beforeunload', leaving);
      this._saver?.flush();
    });
  }

  async _load() {
    this._error = null;
    try {
      await this._saver?.load();
    } catch (error) {
      this._error = error;
    }
  }

  /** Screen readers hear of trouble, not of every save. */
  _changed() {
    const phase = this._saver?.state.phase ?? 'loading';
    if (phase !== this._lastPhase && (phase === 'failed' || phase === 'conflict')) {
      announce(t(phase === 'failed' ? 'note.failed' : 'note.conflict_title'), { urgent: true });
    }
    this._lastPhase = phase;
    this.requestUpdate();
  }

  render() {
    const state = this._saver?.state;
    if (this._error && !state?.note)
      return html`<c-error-panel .error=${this._error} .retry=${() => this._load()}></c-error-panel>`;
    if (!state?.note) return html`<c-skeleton lines="8"></c-skeleton>`;
    return html`
      <section class="note-editor" aria-label=${t('visit.tab.note')} data-testid="note" data-phase=${state.phase}>
        ${isSigned(state) ? this._signed(state.note) : this._writing(state)}
      </section>
    `;
  }

  /** @param {import('../state/note.js').NoteState} state */
  _writing(state) {
    if (state.phase === 'conflict') return this._conflict(state);
    return html`
      <div class="note-bar">
        ${this._savedState(state)}
        <label class="visually-hidden" for="note-template">${t('note.template')}</label>
        <select
          id="note-template"
          class="input note-template"
          data-testid="note-template"
          .value=${live('')}
          @change=${this._insert}
        >
          <option value="">${t('note.template_choose')}</option>
          ${TEMPLATES.map((name) => html`<option value=${name}>${t(`note.template.${name}`)}</option>`)}
        </select>
      </div>
      ${SECTIONS.map(
        (section) => html`
          <div class="field">
            <label for=${`note-${section}`}
              >${t(`note.${section}`)} <span class="hint">${t(`note.${section}_hint`)}</span></label
            >
            <textarea
              id=${`note-${section}`}
              data-testid=${`note-${section}`}
              maxlength="20000"
              .value=${live(state.draft[section])}
              @input=${(/** @type {InputEvent} */ event) => this._typed(section, event)}
            ></textarea>
          </div>
        `,
      )}
      <div class="row between wrap">
        <span class="small quiet">${t('note.empty')}</span>
        <button
          class="button primary"
          type="button"
          data-testid="note-sign"
          aria-busy=${this._busy}
          ?disabled=${this._busy}
          @click=${this._sign}
        >
          <c-icon name="edit"></c-icon>${t('note.sign')}
        </button>
      </div>
    `;
  }

  /** @param {import('../state/note.js').NoteState} state */
  _savedState({ phase, note }) {
    const text =
      phase === 'saved' && note?.saved_at
        ? t('note.saved_at', { time: formatTime(note.saved_at) })
        : t(`note.${phase}`);
    return html`
      <p class="note-state grow" data-phase=${phase} data-testid="note-state">
        <c-icon name=${PHASE_ICONS[phase]}></c-icon>
        <span
          >${phase === 'saved' && !note?.saved_at ? t('note.empty') : text}
          ${
            phase === 'failed'
              ? html`<button
                  class="link-button"
                  type="button"
                  data-testid="note-retry"
                  @click=${() => this._saver?.flush()}
                >
                  ${t('note.retry')}
                </button>`
              : nothing
          }</span
        >
      </p>
    `;
  }

  /** @param {import('../state/note.js').NoteState} state */
  _conflict({ theirs, draft }) {
    if (!theirs) return nothing;
    const isClosed = Boolean(theirs.signed_at);
    const changed = SECTIONS.filter((section) => draft[section] !== theirs[section]);
    return html`
      <div class="notice warning" role="alert" data-testid="note-conflict">
        <c-icon name="alert"></c-icon>
        <div>
          <p class="strong">${t('note.conflict_title')}</p>
          <p>${t('note.conflict_text')}</p>
        </div>
      </div>
      <div class="note-versions">
        <div class="card tight">
          <h3>${t('note.conflict_mine')}</h3>
          ${this._version(draft, changed)}
          <button
            class="button primary"
            type="button"
            data-testid="note-keep-mine"
            @click=${isClosed ? this._keepAsAddendum : () => this._saver?.keepMine()}
          >
            ${t(isClosed ? 'note.keep_as_addendum' : 'note.keep_mine')}
          </button>
        </div>
        <div class="card tight">
          <h3>${t('note.conflict_theirs', { time: formatTime(theirs.saved_at ?? Date.now()) })}</h3>
          ${this._version(theirs, changed)}
          <button class="button" type="button" data-testid="note-take-theirs" @click=${() => this._saver?.takeTheirs()}>
            ${t('note.take_theirs')}
          </button>
        </div>
      </div>
    `;
  }

  /** What differs is shown, the rest is the same in both. @param {Record<Section, string>} sections @param {Section[]} changed */
  _version(sections, changed) {
    return html`<dl class="note-text">
      ${changed.map(
        (section) =>
          html`<dt>${t(`note.${section}`)}</dt>
            <dd class="written">${sections[section] || t('note.blank')}</dd>`,
      )}
    </dl>`;
  }

  /** @param {import('../state/clinic.js').VisitNote} note */
  _signed(note) {
    return html`
      <div class="notice good" data-testid="note-signed">
        <c-icon name="check"></c-icon>
        <span
          >${t('note.signed_by', { name: note.signed_by_name ?? '', time: formatDateTime(note.signed_at ?? Date.now()) })}</span
        >
      </div>
      <c-note-text .note=${{ ...note, signed_at: null }}></c-note-text>
      <form class="stack" @submit=${this._amend}>
        <div class="field">
          <label for="addendum">${t('note.addendum')}</label>
          <textarea
            id="addendum"
            maxlength="20000"
            data-testid="note-addendum"
            aria-describedby="addendum-hint"
            .value=${live(this._addendum)}
            @input=${(/** @type {InputEvent} */ event) => {
              this._addendum = /** @type {HTMLTextAreaElement} */ (event.target).value;
            }}
          ></textarea>
          <p class="hint" id="addendum-hint">${t('note.addendum_hint')}</p>
        </div>
        <div>
          <button
            class="button"
            type="submit"
            data-testid="note-addendum-add"
            aria-busy=${this._busy}
            ?disabled=${this._busy || !this._addendum.trim()}
          >
            ${t('note.addendum_add')}
          </button>
        </div>
      </form>
    `;
  }

  /** @param {Section} section @param {InputEvent} event */
  _typed(section, event) {
    this._saver?.type(section, /** @type {HTMLTextAreaElement} */ (event.target).value);
  }

  /** @param {Event} event */
  _insert(event) {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    const name = select.value;
    select.value = '';
    if (!name) return;
    this._saver?.insert(
      Object.fromEntries(SECTIONS.map((section) => [section, t(`note.template.${name}.${section}`)])),
    );
    /** @type {HTMLElement | null} */ (this.querySelector('#note-subjective'))?.focus();
  }

  _keepAsAddendum() {
    const draft = this._saver?.state.draft;
    if (draft)
      this._addendum = SECTIONS.filter((section) => draft[section])
        .map((section) => `${t(`note.${section}`)}: ${draft[section]}`)
        .join('\n');
    this._saver?.takeTheirs();
  }

  async _sign() {
    if (!this._saver) return;
    if (isBlank(this._saver.state.draft)) {
      toast(t('note.nothing_to_sign'), { kind: 'warning' });
      return;
    }
    const agreed = await confirmDialog({
      title: t('note.sign_title'),
      text: t('note.sign_text'),
      action: t('note.sign_action'),
    });
    if (!agreed) return;
    await this._working(async () => {
      if (await this._saver?.sign()) {
        toast(t('note.signed'), { kind: 'good' });
        this.emit('note-signed');
      }
    });
  }

  /** @param {SubmitEvent} event */
  async _amend(event) {
    event.preventDefault();
    const text = this._addendum.trim();
    if (!text) return;
    await this._working(async () => {
      await this._saver?.addAddendum(text);
      this._addendum = '';
      toast(t('note.addendum_added'), { kind: 'good' });
    });
  }

  /** @param {() => Promise<void>} action */
  async _working(action) {
    this._busy = true;
    try {
      await action();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = false;
    }
  }
}

customElements.define('c-note-editor', CNoteEditor);
