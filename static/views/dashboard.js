// @ts-check
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { errorText, formatDate, formatDay, formatList, formatTime, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { lobbyWatch } from '../net/lobby.js';
import { byTime, isOver, isSameDay, isUnderWay, localDay, unfinishedNotes } from '../state/clinic.js';
import { waitingCount, waitingPeople } from '../state/lobby.js';
import { chime, isChimeOn, setChime } from './chime.js';
import { confirmDialog } from './dialog.js';
import { Page } from './element.js';
import { patientFacts } from './plan-dialog.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';
import './link-dialog.js';
import './readiness.js';
import { announce, toast } from './toast.js';

/** @typedef {import('../state/clinic.js').ConsultationSummary} ConsultationSummary */
/** @typedef {import('../state/lobby.js').WaitingPerson} WaitingPerson */

const STATUS_KINDS = {
  planned: 'plain',
  arrived: 'accent',
  'in-progress': 'info',
  onhold: 'warning',
  finished: 'plain',
  cancelled: 'plain',
};
const MINUTE_MS = 60_000;

/** The doctor's day: who waits now, what is planned, which notes are not signed. `j` `k` move, Enter opens. */
export class CDashboard extends Page {
  static properties = {
    ...Page.properties,
    _planning: { state: true },
    _link: { state: true },
    _sound: { state: true },
  };

  constructor() {
    super();
    this._planning = false;
    /** @type {{ name: string, link: string } | null} */
    this._link = null;
    this._sound = isChimeOn();
    /** @type {Resource<ConsultationSummary[]>} */
    this._visits = new Resource(this, readVisits);
  }

  get heading() {
    const waiting = waitingPeople(lobbyWatch.lobby).filter(({ person }) => person.connected);
    if (waiting.length === 0) return t('dashboard.title');
    return t('dashboard.tab_title', { count: waiting.length, name: waiting[0].person.name });
  }

  connectedCallback() {
    super.connectedCallback();
    this.keep(lobbyWatch.subscribe((lobby) => this._lobbyChanged(lobby)));
    const minute = setInterval(() => this.requestUpdate(), MINUTE_MS / 2);
    const keys = (/** @type {KeyboardEvent} */ event) => this._key(event);
    addEventListener('keydown', keys);
    this.keep(() => {
      clearInterval(minute);
      removeEventListener('keydown', keys);
    });
  }

  /** @param {import('../state/lobby.js').Lobby} lobby */
  _lobbyChanged(lobby) {
    if (lobby.arrivals.length > 0) {
      chime();
      announce(lobby.arrivals.map(({ person }) => t('dashboard.arrived', { name: person.name })).join(' '), {
        urgent: true,
      });
    }
    const isStale = Object.values(lobby.entries).some((entry) => {
      const known = this._visits.value?.find((visit) => visit.id === entry.consultation);
      return this._visits.value !== null && known?.status !== entry.status && !this._visits.isLoading;
    });
    if (isStale) this._visits.load();
    this.requestUpdate();
  }

  render() {
    return html`
      <div class="page dashboard">
        <header class="page-head">
          <div>
            <h1 tabindex="-1">${t('dashboard.title')}</h1>
            <p class="quiet">${formatDay(Date.now())}</p>
          </div>
          <div class="cluster">
            <button
              class="button quiet"
              type="button"
              aria-pressed=${this._sound}
              data-testid="sound"
              @click=${this._toggleSound}
            >
              <c-icon name=${this._sound ? 'speaker' : 'speaker-off'}></c-icon
              >${t(this._sound ? 'dashboard.sound_on' : 'dashboard.sound_off')}
            </button>
            <button class="button" type="button" data-testid="new-consultation" @click=${this._openPlan}>
              <c-icon name="plus"></c-icon>${t('dashboard.new')}
            </button>
          </div>
        </header>
        ${this._waiting()} ${this._visits.render((visits) => this._lists(visits), { lines: 8 })}
        <p class="small quiet dashboard-keys">${keysLine()}</p>
      </div>
      <c-plan-dialog
        .open=${this._planning}
        @close=${() => {
          this._planning = false;
        }}
        @planned=${this._planned}
      ></c-plan-dialog>
      <c-link-dialog
        .name=${this._link?.name ?? ''}
        .link=${this._link?.link ?? null}
        @close=${() => {
          this._link = null;
        }}
      ></c-link-dialog>
    `;
  }

  _waiting() {
    const { lobby } = lobbyWatch;
    const people = waitingPeople(lobby);
    const count = waitingCount(lobby);
    return html`
      <section class="card waiting-room" aria-labelledby="waiting-title" data-testid="waiting-room">
        <div class="row between wrap">
          <h2 id="waiting-title">
            ${t('dashboard.waiting_title')}
            ${count > 0 ? html`<span class="count" aria-hidden="true">${count}</span>` : nothing}
          </h2>
          <p class="live-state small" data-live=${lobby.live} role="status">
            ${lobby.known ? t(lobby.live ? 'dashboard.live' : 'dashboard.not_live') : nothing}
          </p>
        </div>
        ${
          lobby.known
            ? people.length > 0
              ? html`<ul class="list waiting-list">
                  ${repeat(
                    people,
                    ({ consultation, person }) => `${consultation} ${person.participant}`,
                    (each) => this._person(each),
                  )}
                </ul>`
              : html`<div class="nobody">
                  <c-icon class="big" name="clock"></c-icon>
                  <div>
                    <p class="strong">${t('dashboard.nobody')}</p>
                    <p class="quiet">${t('dashboard.nobody_text')}</p>
                  </div>
                </div>`
            : html`<c-skeleton lines="2"></c-skeleton>`
        }
      </section>
    `;
  }

  /** @param {{ consultation: string, person: WaitingPerson }} each */
  _person({ consultation, person }) {
    const visit = this._visits.value?.find((one) => one.id === consultation);
    const isGuest = person.role !== 'patient';
    return html`
      <li class="waiting-person" data-connected=${person.connected} data-testid="waiting-person">
        <div class="grow stack tight">
          <p class="waiting-name">
            <a
              class="strong row-link"
              data-row
              href=${`/visit/${consultation}`}
              aria-label=${t('dashboard.open_for', { name: person.name })}
              >${person.name}</a
            >
            ${isGuest ? html`<c-badge text=${t(`core.role_${person.role}`)}></c-badge>` : nothing}
            <span class="quiet small">${waitingText(person)}</span>
          </p>
          ${
            visit
              ? html`<p class="small quiet">${isGuest ? visit.patient.name : patientFacts(visit.patient)}</p>
                  <p>${visit.reason}</p>`
              : nothing
          }
          <c-readiness .person=${person}></c-readiness>
        </div>
        <a
          class=${person.connected ? 'button primary' : 'button'}
          href=${`/visit/${consultation}?admit=${encodeURIComponent(person.participant)}`}
          data-testid="open-and-admit"
        >
          <c-icon name="camera"></c-icon>${t('dashboard.admit')}
        </a>
      </li>
    `;
  }

  /** @param {ConsultationSummary[]} visits */
  _lists(visits) {
    const now = Date.now();
    const today = visits.filter((visit) => isSameDay(visit.scheduled_at, now) || isUnderWay(visit)).sort(byTime);
    const upcoming = visits
      .filter((visit) => !isOver(visit) && !isSameDay(visit.scheduled_at, now) && Date.parse(visit.scheduled_at) > now)
      .sort(byTime);
    return html`
      <div class="dashboard-lists">
        <section class="card" aria-labelledby="today-title" data-testid="today">
          <h2 id="today-title">${t('dashboard.schedule')}</h2>
          ${
            today.length > 0
              ? html`<ul class="list">
                  ${repeat(
                    today,
                    (visit) => visit.id,
                    (visit) => this._visit(visit),
                  )}
                </ul>`
              : html`<c-empty
                  icon="calendar"
                  .heading=${t('dashboard.schedule_none')}
                  .text=${t('dashboard.schedule_none_text')}
                ></c-empty>`
          }
          ${
            upcoming.length > 0
              ? html`<h3 class="section-gap">${t('dashboard.upcoming')}</h3>
                  <ul class="list">
                    ${repeat(
                      upcoming,
                      (visit) => visit.id,
                      (visit) => this._visit(visit, true),
                    )}
                  </ul>`
              : nothing
          }
        </section>
        <section class="card" aria-labelledby="notes-title" data-testid="unfinished-notes">
          <h2 id="notes-title">${t('dashboard.notes')}</h2>
          ${this._notes(unfinishedNotes(visits))}
        </section>
      </div>
    `;
  }

  /** @param {ConsultationSummary} visit @param {boolean} [withDate] */
  _visit(visit, withDate = false) {
    const entry = lobbyWatch.lobby.entries[visit.id];
    const status = isOver(visit)
      ? visit.status
      : /** @type {ConsultationSummary['status']} */ (entry?.status ?? visit.status);
    const time = formatTime(visit.scheduled_at);
    return html`
      <li class="visit-row" data-status=${status} data-testid="visit-row" data-consultation=${visit.id}>
        <p class="visit-time">
          <time datetime=${visit.scheduled_at}
            >${withDate ? html`<span class="block small quiet">${formatDate(visit.scheduled_at)}</span>` : nothing}${time}</time
          >
          <span class="quiet small block">${t('duration.minutes', { minutes: visit.planned_minutes })}</span>
        </p>
        <div class="grow visit-about">
          <p class="visit-name">
            <a class="strong row-link" data-row href=${`/visit/${visit.id}`} data-testid="open-visit"
              >${visit.patient.name}</a
            >
            <c-badge kind=${STATUS_KINDS[status]} text=${t(`status.${status}`)}></c-badge>
            ${entry?.recording ? html`<c-badge kind="recording" text=${t('dashboard.recording')}></c-badge>` : nothing}
          </p>
          <p class="small quiet">${patientFacts(visit.patient)}</p>
          <p class="visit-reason">${visit.reason}</p>
          ${
            entry?.unread
              ? html`<p class="small row" data-testid="messages-left">
                  <c-icon name="chat"></c-icon>${t('dashboard.messages_left', { count: entry.unread })}
                </p>`
              : nothing
          }
          ${entry?.in_call.length ? html`<p class="small quiet">${t('dashboard.in_call', { names: formatList(entry.in_call) })}</p>` : nothing}
        </div>
        ${isOver(visit) ? nothing : this._actions(visit)}
      </li>
    `;
  }

  /** @param {ConsultationSummary} visit */
  _actions(visit) {
    const link = t('dashboard.copy_link_for', { name: visit.patient.name });
    const cancel = t('dashboard.cancel_for', { name: visit.patient.name });
    return html`
      <span class="visit-actions">
        <button
          class="button quiet small"
          type="button"
          aria-label=${link}
          title=${link}
          data-testid="make-link"
          @click=${() => this._makeLink(visit)}
        >
          <c-icon name="link"></c-icon>${t('dashboard.link')}
        </button>
        ${
          isUnderWay(visit)
            ? nothing
            : html`<button
                class="button quiet small"
                type="button"
                aria-label=${cancel}
                title=${cancel}
                data-testid="cancel-visit"
                @click=${() => this._cancel(visit)}
              >
                ${t('core.cancel')}
              </button>`
        }
      </span>
    `;
  }

  /** @param {ConsultationSummary[]} visits */
  _notes(visits) {
    if (visits.length === 0)
      return html`<p class="quiet row"><c-icon name="check"></c-icon>${t('dashboard.notes_none')}</p>`;
    return html`<ul class="list">
      ${visits.map(
        (visit) => html`
          <li class="note-row">
            <span class="grow"
              ><span class="strong block">${visit.patient.name}</span>
              <span class="small quiet"
                >${formatDate(visit.scheduled_at)} · ${t(`note_state.${visit.note_state ?? 'none'}`)}</span
              ></span
            >
            <a
              class="button quiet"
              data-row
              href=${`/visit/${visit.id}`}
              data-testid="finish-note"
              aria-label=${t('dashboard.finish_note_for', { name: visit.patient.name, date: formatDate(visit.scheduled_at) })}
              >${t('dashboard.finish_note')}</a
            >
          </li>
        `,
      )}
    </ul>`;
  }

  _toggleSound() {
    this._sound = !this._sound;
    setChime(this._sound);
    if (this._sound) chime();
  }

  async _openPlan() {
    await import('./plan-dialog.js');
    this._planning = true;
  }

  /** @param {CustomEvent<ConsultationSummary>} event */
  async _planned(event) {
    this._planning = false;
    toast(t('plan.saved'), { kind: 'good' });
    this._visits.load();
    await this._makeLink(event.detail);
  }

  /** @param {ConsultationSummary} visit */
  async _makeLink({ id, patient }) {
    try {
      const body = { relation: 'patient', name: patient.name, language: patient.language ?? languageOf(patient.name) };
      const { link } = await api.post(`/consultations/${id}/invitations`, body);
      this._link = { name: patient.name, link };
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }

  /** @param {ConsultationSummary} visit */
  async _cancel(visit) {
    const time = `${formatDate(visit.scheduled_at)} ${formatTime(visit.scheduled_at)}`;
    const agreed = await confirmDialog({
      title: t('dashboard.cancel_title'),
      text: t('dashboard.cancel_text', { name: visit.patient.name, time }),
      action: t('dashboard.cancel_action'),
      cancel: t('core.back'),
      danger: true,
    });
    if (!agreed) return;
    try {
      await api.post(`/consultations/${visit.id}/cancel`);
      toast(t('dashboard.cancelled'));
      this._visits.load();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    }
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const step = event.key === 'j' ? 1 : event.key === 'k' ? -1 : 0;
    const at = event.target instanceof Element ? event.target : null;
    if (!step || event.metaKey || event.ctrlKey || event.altKey || at?.closest('input, textarea, select, dialog'))
      return;
    const rows = /** @type {HTMLElement[]} */ ([...this.querySelectorAll('[data-row]')]);
    const current = rows.findIndex((row) => row === document.activeElement);
    const next =
      current < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, current + step));
    rows[next]?.focus();
    rows[next]?.scrollIntoView({ block: 'nearest' });
  }
}

/** The language a link's page begins in, when the record does not say. @param {string} name */
function languageOf(name) {
  return /[\u3400-\u9fff]/.test(name) ? 'zh-CN' : 'en';
}

/** @param {WaitingPerson} person */
function waitingText(person) {
  if (!person.connected) return t('dashboard.connection_gone');
  const minutes = Math.floor((Date.now() - Date.parse(person.since)) / MINUTE_MS);
  return minutes < 1 ? t('dashboard.waiting_just') : t('dashboard.waiting_since', { minutes });
}

/** The sentence on keys, with its keys drawn as keys. */
function keysLine() {
  const keys = { j: 'J', k: 'K', enter: 'Enter' };
  return t('dashboard.keys')
    .split(/(\{\w+\})/)
    .map((part) => {
      const key = /** @type {keyof typeof keys} */ (part.slice(1, -1));
      return part.startsWith('{') ? html`<kbd>${keys[key]}</kbd>` : part;
    });
}

/** Today's, upcoming and latest visits, each once. @returns {Promise<ConsultationSummary[]>} */
async function readVisits() {
  const query = { day: localDay(new Date()), zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
  const [today, around] = await Promise.all([api.get('/consultations', { query }), api.get('/consultations')]);
  const byId = new Map(
    [...around.consultations, ...today.consultations].map((/** @type {ConsultationSummary} */ each) => [each.id, each]),
  );
  return [...byId.values()];
}

customElements.define('c-dashboard', CDashboard);
