// @ts-check
import { html, nothing } from 'lit';
import { openCall } from '../call.js';
import { errorText, formatDateTime, formatList, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { lobbyWatch } from '../net/lobby.js';
import { noteSaver } from '../net/note-saver.js';
import { isOver } from '../state/clinic.js';
import { waitingPeople } from '../state/lobby.js';
import { isPending, isSigned } from '../state/note.js';
import { admitted, isRecording } from '../state/room.js';
import { chime } from './chime.js';
import { control } from './call/control-bar.js';
import './call/chat-panel.js';
import { focusWhenDrawn, isBusyWriting } from './call/parts.js';
import './call/settings-dialog.js';
import './call/stage.js';
import { confirmDialog } from './dialog.js';
import { Page } from './element.js';
import { patientFacts } from './plan-dialog.js';
import { Resource } from './resource.js';
import './history.js';
import './icon.js';
import './invite-dialog.js';
import './link-dialog.js';
import './note-editor.js';
import './own-consent-dialog.js';
import './panel-resizer.js';
import './readiness.js';
import './tab-panels.js';
import { announce, toast } from './toast.js';
import { asWaiting } from './visit-people.js';

/** @typedef {import('../state/clinic.js').ConsultationSummary} ConsultationSummary */
/** @typedef {import('../state/call-controller.js').CallController} CallController */
/** @typedef {import('../state/room.js').Participant} Participant */

const ROOMY = matchMedia('(min-width: 900px)'); // stage and panel side by side

/**
 * The doctor's side of a visit: the call on the left; history, note, people and chat beside it. Leaving or reloading the page
 * never ends the visit, only "Finish" does; afterwards the note stays open here.
 */
export class CDoctorVisit extends Page {
  static properties = {
    ...Page.properties,
    _tab: { state: true },
    _panel: { state: true },
    _settings: { state: true },
    _inviting: { state: true },
    _link: { state: true },
    _consenting: { state: true },
  };

  constructor() {
    super();
    this._tab = 'history';
    this._panel = false;
    this._settings = false;
    this._inviting = false;
    /** @type {{ name: string, link: string } | null} */
    this._link = null;
    /** Whether the own answer is asked for, and whether recording shall start after it. @type {'' | 'answer' | 'record'} */
    this._consenting = '';
    /** @type {CallController | null} */
    this._call = null;
    this._phase = '';
    this._admitting = '';
    /** @type {Resource<ConsultationSummary>} */
    this._visit = new Resource(this, () => this._read());
  }

  get heading() {
    const waiting = this._call?.waiting ?? [];
    if (waiting.length > 0) return t('dashboard.tab_title', { count: waiting.length, name: waiting[0].name });
    return t('visit.title', { name: this._visit.value?.patient.name ?? '' });
  }

  connectedCallback() {
    this._admitting = this.query.get('admit') ?? '';
    super.connectedCallback();
    this.keep(lobbyWatch.subscribe(() => this.requestUpdate()));
    const resized = () => this.requestUpdate();
    ROOMY.addEventListener('change', resized);
    this.keep(() => {
      ROOMY.removeEventListener('change', resized);
      this._call?.end();
      this._call?.local.close();
    });
  }

  /** Always where there is room for it; elsewhere as the doctor chose. */
  get _isPanelOpen() {
    return this._panel || ROOMY.matches;
  }

  /** The visit; the first time the seat is taken too, unless it is over. */
  async _read() {
    /** @type {ConsultationSummary} */
    const visit = await api.get(`/consultations/${this.params.id}`);
    if (isOver(visit)) this._tab = this._call ? this._tab : 'note';
    else if (!this._call) this._enter(visit.id);
    return visit;
  }

  /** @param {string} consultation */
  _enter(consultation) {
    const call = openCall(consultation);
    this._call = call;
    this.keep(call.subscribe(() => this._onChange(call)));
    this.keep(call.onNotice((notice) => this._onNotice(notice)));
    call.local.open({ microphone: true, camera: true });
    call.enter();
  }

  render() {
    return html`${this._visit.render((visit) => this._page(visit), { lines: 10 })}`;
  }

  /** @param {ConsultationSummary} visit */
  _page(visit) {
    const isFinished = isOver(visit) || this._call?.phase === 'finished';
    return html`
      <div
        class="doctor-visit"
        ?data-panel=${this._isPanelOpen || isFinished}
        ?data-over=${isFinished}
        data-testid="doctor-visit"
        @resize-panel=${this._resize}
      >
        <header class="doctor-bar">
          <a
            class="icon-button"
            href="/dashboard"
            aria-label=${t('visit.to_dashboard')}
            title=${t('visit.to_dashboard')}
            data-testid="to-dashboard"
            ><c-icon name="arrow-left"></c-icon
          ></a>
          <div class="grow doctor-patient">
            <h1 tabindex="-1" class="clip">${visit.patient.name}</h1>
            <p class="small clip">${[patientFacts(visit.patient), visit.reason].filter(Boolean).join(' · ')}</p>
          </div>
          ${this._elsewhere(visit.id)}
        </header>
        <div class="doctor-stage">${isFinished ? this._over(visit) : this._stage(visit)}</div>
        ${
          this._isPanelOpen || isFinished
            ? html`<c-panel-resizer .label=${t('visit.resize')}></c-panel-resizer>
                <aside class="doctor-panel" aria-label=${t('visit.panel')}>
                  <c-tab-panels
                    .tabs=${this._tabs(visit, isFinished)}
                    .selected=${this._tab}
                    .label=${t('visit.panel')}
                    @tab-chosen=${this._select}
                  ></c-tab-panels>
                </aside>`
            : nothing
        }
      </div>
      ${this._dialogs(visit)}
    `;
  }

  /** Somebody waits for another visit: a quiet line, not a dialog. @param {string} id */
  _elsewhere(id) {
    const waiting = waitingPeople(lobbyWatch.lobby, { except: id }).filter(({ person }) => person.connected);
    if (waiting.length === 0) return nothing;
    const { name } = waiting[0].person;
    return html`
      <p class="doctor-elsewhere small" role="status" data-testid="other-waiting">
        <c-icon name="bell"></c-icon>
        <span
          >${waiting.length === 1 ? t('visit.other_waiting', { name }) : t('visit.other_waiting_many', { name, count: waiting.length - 1 })}</span
        >
      </p>
    `;
  }

  /** @param {ConsultationSummary} visit */
  _stage(visit) {
    const call = this._call;
    if (!call || call.phase === 'entering') {
      return html`<div class="doctor-message" role="status"><p>${t('visit.loading')}</p></div>`;
    }
    switch (call.phase) {
      case 'left':
        return this._away(t('visit.you_left'), t('visit.rejoin'));
      case 'seat_taken':
        return this._away(t('call.taken_text'), t('call.take_back'));
      case 'refused':
      case 'removed':
        return html`<c-error-panel .error=${call.error} .retry=${() => this._rejoin()}></c-error-panel>`;
      default:
        return html`
          ${this._waitingStrip(call, visit)}
          <c-call-stage
            .call=${call}
            @write=${this._write}
            @choose-microphone=${() => {
              this._settings = true;
            }}
          ></c-call-stage>
          <c-control-bar
            .call=${call}
            .chat=${false}
            .extra=${this._controls(call)}
            @open-settings=${() => {
              this._settings = true;
            }}
            @leave=${this._leave}
          ></c-control-bar>
        `;
    }
  }

  /** @param {CallController} call @param {ConsultationSummary} visit */
  _waitingStrip(call, visit) {
    if (call.waiting.length === 0) {
      const hasCome = call.room.participants.some((person) => person.role === 'patient');
      return hasCome
        ? nothing
        : html`<p class="doctor-strip quiet" role="status">
            <c-icon name="clock"></c-icon>${t('visit.not_here_yet', { name: visit.patient.name })}
          </p>`;
    }
    return html`
      <ul class="doctor-waiting" aria-label=${t('visit.waiting_here')} data-testid="visit-waiting">
        ${call.waiting.map(
          (person) =>
            html` <li class="doctor-strip">
              <div class="grow">
                <p>
                  <span class="strong">${person.name}</span>
                  <span class="small quiet">${t(`core.role_${person.role}`)}</span>
                </p>
                <c-readiness .person=${asWaiting(person)}></c-readiness>
              </div>
              <button
                class="button primary"
                type="button"
                data-testid="admit"
                aria-label=${t('visit.admit_named', { name: person.name })}
                @click=${() => this._admit(person)}
              >
                ${t('visit.admit')}
              </button>
            </li>`,
        )}
      </ul>
    `;
  }

  /** @param {CallController} call */
  _controls(call) {
    const isOn = isRecording(call.room);
    return html`
      ${
        ROOMY.matches
          ? nothing
          : control({
              icon: 'note',
              text: t('visit.panel_short'),
              testid: 'toggle-panel',
              pressed: this._panel,
              action: () => {
                this._panel = !this._panel;
              },
            })
      }
      ${control({
        icon: 'invite',
        text: t('visit.invite_short'),
        testid: 'invite',
        action: () => {
          this._inviting = true;
        },
      })}
      ${control({ icon: isOn ? 'stop' : 'record', text: t(isOn ? 'visit.record_stop_short' : 'visit.record'), testid: 'record', pressed: isOn, kind: isOn ? 'recording' : '', action: () => this._record() })}
      ${control({ icon: 'check', text: t('visit.finish_short'), testid: 'finish', kind: 'finish', action: () => this._finish() })}
    `;
  }

  /** @param {string} text @param {string} action */
  _away(text, action) {
    return html`
      <div class="doctor-message" data-testid="visit-away">
        <c-icon class="big" name="phone"></c-icon>
        <p>${text}</p>
        <div class="row wrap">
          <button class="button primary" type="button" data-testid="rejoin" @click=${this._rejoin}>${action}</button>
          <a class="button" href="/dashboard">${t('visit.to_dashboard')}</a>
        </div>
      </div>
    `;
  }

  /** @param {ConsultationSummary} visit */
  _over(visit) {
    const isCancelled = visit.status === 'cancelled';
    return html`
      <div class="doctor-message" data-testid="visit-over">
        <c-icon class="big" name=${isCancelled ? 'close' : 'check'}></c-icon>
        <h2>${t(isCancelled ? 'visit.cancelled_title' : 'visit.over_title')}</h2>
        <p class="small">${formatDateTime(visit.started_at ?? visit.scheduled_at)}</p>
        ${isCancelled ? nothing : html`<p>${t('visit.over_text')}</p>`}
        <div class="row wrap">
          <a class="button primary" href="/dashboard" data-testid="over-dashboard">${t('visit.to_dashboard')}</a>
          ${isCancelled ? nothing : html`<a class="button" href=${`/archive/${visit.id}`} data-testid="over-archive">${t('visit.to_archive')}</a>`}
        </div>
      </div>
    `;
  }

  /** @param {ConsultationSummary} visit @param {boolean} isFinished @returns {import('./tab-panels.js').Tab[]} */
  _tabs(visit, isFinished) {
    const call = isFinished ? null : this._call;
    const unread = this._tab === 'chat' && this._isPanelOpen ? 0 : (call?.unread ?? 0);
    /** @type {import('./tab-panels.js').Tab[]} */
    const tabs = [
      {
        id: 'history',
        text: t('visit.tab.history'),
        icon: 'history',
        stays: true,
        content: html`<c-history .patient=${visit.patient.id} .consultation=${visit.id} editable></c-history>`,
      },
      {
        id: 'note',
        text: t('visit.tab.note'),
        icon: 'note',
        stays: true,
        content: html`<c-note-editor .consultation=${visit.id}></c-note-editor>`,
      },
    ];
    if (!call) return tabs;
    return [
      ...tabs,
      {
        id: 'people',
        text: t('visit.tab.people'),
        icon: 'people',
        count: call.waiting.length,
        countText: t('dashboard.waiting_count', { count: call.waiting.length }),
        content: html`<c-visit-people
          .call=${call}
          .consultation=${visit.id}
          @admit=${(/** @type {CustomEvent<Participant>} */ event) => this._admit(event.detail)}
          @hold=${(/** @type {CustomEvent<Participant>} */ event) => this._hold(event.detail)}
          @invite=${() => {
            this._inviting = true;
          }}
          @record=${() => this._record()}
          @answer-consent=${() => {
            this._consenting = 'answer';
          }}
        ></c-visit-people>`,
      },
      {
        id: 'chat',
        text: t('visit.tab.chat'),
        icon: 'chat',
        count: unread,
        countText: t('visit.tab_unread', { count: unread }),
        content: html`<c-chat-panel .call=${call}></c-chat-panel>`,
      },
    ];
  }

  /** @param {ConsultationSummary} visit */
  _dialogs(visit) {
    const call = this._call;
    if (!call) return nothing;
    return html`
      <c-call-settings
        .call=${call}
        .open=${this._settings}
        @close=${() => {
          this._settings = false;
        }}
      ></c-call-settings>
      <c-invite-dialog
        .open=${this._inviting}
        .consultation=${visit.id}
        @close=${() => {
          this._inviting = false;
        }}
        @invited=${this._invited}
      ></c-invite-dialog>
      <c-link-dialog
        .name=${this._link?.name ?? ''}
        .link=${this._link?.link ?? null}
        @close=${() => {
          this._link = null;
        }}
      ></c-link-dialog>
      <c-own-consent
        .open=${this._consenting !== ''}
        .answer=${call.me?.consent?.decision ?? ''}
        @close=${() => {
          this._consenting = '';
        }}
        @decide=${this._decide}
      ></c-own-consent>
    `;
  }

  /** @param {CallController} call */
  _onChange(call) {
    this.requestUpdate();
    this._admitFirst(call);
    if (call.phase === this._phase) return;
    this._phase = call.phase;
    if (call.phase === 'finished') {
      this._tab = 'note';
      call.local.close();
      this._visit.load();
    }
    if (call.phase === 'left' || call.phase === 'seat_taken') call.local.close();
  }

  /** Bring the doctor to the chat, ready to write. */
  _write() {
    this._tab = 'chat';
    this._panel = true;
    focusWhenDrawn(this, 'c-chat-panel textarea');
  }

  /** "Open and admit" from the dashboard: once, and not again after a reload. @param {CallController} call */
  _admitFirst(call) {
    if (!this._admitting || call.phase !== 'call') return;
    const person = call.waiting.find((each) => each.id === this._admitting);
    if (!person) return;
    this._admitting = '';
    history.replaceState(null, '', location.pathname);
    this._admit(person);
  }

  /** @param {import('../state/call-controller.js').Notice} notice */
  _onNotice({ kind, name = '', decision = '', reason = '', text = '' }) {
    switch (kind) {
      case 'text_only':
        return isBusyWriting() ? undefined : this._write();
      case 'arrived':
        chime();
        return announce(t('dashboard.arrived', { name }), { urgent: true });
      case 'message':
        return this._tab === 'chat' && this._isPanelOpen
          ? undefined
          : toast(t('call.message_from', { name, text: text.slice(0, 80) }));
      case 'joined':
        return announce(t('call.joined', { name }));
      case 'gone':
        return announce(t('call.person_away', { name }));
      case 'consent':
        return toast(t(`visit.told.${decision}`, { name }), { kind: decision === 'given' ? 'good' : 'warning' });
      case 'recording_started':
        return toast(t('visit.recording_started'));
      case 'recording_stopped':
        return reason === 'asked' || reason === 'finished'
          ? toast(t('visit.recording_stopped'))
          : toast(t(`visit.recording_stopped.${reason}`), { kind: 'warning' });
      default:
        return undefined;
    }
  }

  /** @param {CustomEvent<string>} event */
  _select(event) {
    this._tab = event.detail;
  }

  /** On the document, because messages keep clear of the panel too. @param {CustomEvent<number>} event */
  _resize(event) {
    document.documentElement.style.setProperty('--panel-width', `${event.detail}px`);
  }

  /** @param {Participant} person */
  async _admit({ id, name }) {
    await this._doing(async () => {
      await this._call?.admit(id);
      announce(t('visit.admitted', { name }));
    });
  }

  /** @param {Participant} person */
  async _hold({ id, name }) {
    await this._doing(async () => {
      await this._call?.hold(id);
      toast(t('visit.held', { name }));
    });
  }

  /** Start or stop; before it starts everybody in the call must have agreed, the doctor too. */
  async _record() {
    const call = this._call;
    if (!call) return;
    if (isRecording(call.room)) {
      await this._doing(() => call.stopRecording());
      return;
    }
    const people = admitted(call.room);
    const missing = people.filter((person) => person.consent?.decision !== 'given');
    const others = missing.filter((person) => person.id !== call.you?.participant);
    if (people.length < 2) toast(t('visit.record_nobody'));
    else if (others.length > 0) this._explainMissing(others);
    else if (missing.length > 0) this._consenting = 'record';
    else await this._doing(() => call.startRecording());
  }

  /** @param {Participant[]} people */
  _explainMissing(people) {
    this._tab = 'people';
    this._panel = true;
    toast(t('visit.record_waits', { names: formatList(people.map((person) => person.name)) }), { kind: 'warning' });
  }

  /** @param {CustomEvent<'given' | 'refused' | 'withdrawn'>} event */
  async _decide(event) {
    const isStarting = this._consenting === 'record';
    this._consenting = '';
    await this._doing(async () => {
      await this._call?.setConsent(event.detail);
      if (isStarting && event.detail === 'given') await this._call?.startRecording();
    });
  }

  /** @param {CustomEvent<{ name: string, link: string }>} event */
  _invited(event) {
    this._inviting = false;
    this._link = event.detail;
    /** @type {import('./visit-people.js').CVisitPeople | null} */ (this.querySelector('c-visit-people'))?.refresh();
  }

  async _finish() {
    const note = noteSaver(this.params.id).state;
    const remarks = [
      t('visit.finish_text'),
      isPending(note) ? t('visit.finish_unsaved') : '',
      isSigned(note) ? '' : t('visit.finish_note_unsigned'),
    ];
    const agreed = await confirmDialog({
      title: t('visit.finish_title'),
      text: remarks.filter(Boolean).join(' '),
      action: t('visit.finish_action'),
      cancel: t('core.back'),
      danger: true,
    });
    if (!agreed) return;
    await this._doing(async () => {
      await this._call?.finish();
      toast(t('visit.finished'), { kind: 'good' });
    });
  }

  _leave() {
    this._call?.leave();
  }

  _rejoin() {
    this._call?.local.open({ microphone: true, camera: true });
    this._call?.enter();
  }

  /** @param {() => Promise<unknown>} action */
  async _doing(action) {
    try {
      await action();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }
}

customElements.define('c-doctor-visit', CDoctorVisit);
