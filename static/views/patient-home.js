// @ts-check
import { html, nothing } from 'lit';
import { formatDate, formatDay, formatRelative, formatTime, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { meta } from '../net/meta.js';
import { byTime, departmentName, isOver, isSameDay, isUnderWay, nextConsultation } from '../state/clinic.js';
import { Page } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';
import './note-text.js';

/** @typedef {import('../state/clinic.js').EarlierConsultation} EarlierConsultation */

const MINUTE_MS = 60_000;

/** The patient's own page: the next visit with one button, earlier ones with what came of them. */
export class CPatientHome extends Page {
  constructor() {
    super();
    this._visits = new Resource(this, readVisits);
  }

  get heading() {
    return t('home.title', { name: auth.me?.name ?? '' });
  }

  connectedCallback() {
    super.connectedCallback();
    const tick = setInterval(() => this._visits.load(), MINUTE_MS);
    this.keep(() => clearInterval(tick));
  }

  render() {
    return html`
      <div class="page narrow home">
        <h1 tabindex="-1">${this.heading}</h1>
        ${this._visits.render((visits) => this._page(visits), { lines: 8 })}
        ${meta.emergency ? html`<p class="notice danger emergency"><c-icon name="phone"></c-icon><span>${meta.emergency}</span></p>` : nothing}
      </div>
    `;
  }

  /** @param {EarlierConsultation[]} visits */
  _page(visits) {
    const next = nextConsultation(visits);
    const others = visits.filter((each) => !isOver(each) && each !== next).sort(byTime);
    const earlier = visits.filter((each) => each.status === 'finished').sort((a, b) => byTime(b, a));
    return html`
      ${
        next
          ? this._next(next)
          : html`<section class="card">
              <c-empty icon="calendar" .heading=${t('home.nothing_title')} .text=${t('home.nothing_text')}></c-empty>
            </section>`
      }
      ${
        others.length > 0
          ? html`<section class="stack" aria-labelledby="others-title">
              <h2 id="others-title">${t('home.planned_too')}</h2>
              <ul class="card tight list">
                ${others.map((visit) => this._other(visit))}
              </ul>
            </section>`
          : nothing
      }
      <section class="stack" aria-labelledby="earlier-title">
        <h2 id="earlier-title">${t('home.earlier')}</h2>
        ${
          earlier.length > 0
            ? html`<div class="stack">${earlier.map((visit, index) => this._earlier(visit, index === 0))}</div>`
            : html`<p class="quiet">${t('home.earlier_none')}</p>`
        }
      </section>
    `;
  }

  /** @param {EarlierConsultation} visit */
  _next(visit) {
    const running = isUnderWay(visit);
    const soon = Date.parse(visit.scheduled_at) - Date.now() < 60 * MINUTE_MS;
    return html`
      <section class="card home-next" aria-labelledby="next-title" data-testid="next-consultation">
        <h2 id="next-title" class="label quiet">${t('home.next')}</h2>
        <p class="home-when">${this._when(visit)}</p>
        ${this._doctor(visit)}
        <p><span class="quiet">${t('home.reason')}</span> ${visit.reason}</p>
        <a class="button primary large wide" href=${`/visit/${visit.id}`} data-testid="enter-consultation">
          <c-icon name="camera"></c-icon>${t(running ? 'home.return' : 'home.enter')}
        </a>
        <p class="small quiet">${t(running ? 'home.running' : soon ? 'home.early' : 'home.later')}</p>
      </section>
    `;
  }

  /** Another one that is planned; today's can be entered too. @param {EarlierConsultation} visit */
  _other(visit) {
    const isToday = isSameDay(visit.scheduled_at, Date.now());
    const enter = t('home.enter_at', { time: formatTime(visit.scheduled_at), name: visit.clinician.name });
    return html`<li class="home-other row between wrap">
      <div>${this._when(visit)} ${this._doctor(visit)}</div>
      ${isToday ? html`<a class="button" href=${`/visit/${visit.id}`} aria-label=${enter}>${t('home.enter')}</a>` : nothing}
    </li>`;
  }

  /** @param {EarlierConsultation} visit */
  _when(visit) {
    const today = isSameDay(visit.scheduled_at, Date.now());
    const text = today
      ? t('home.today_at', { time: formatTime(visit.scheduled_at) })
      : `${formatDay(visit.scheduled_at)} ${formatTime(visit.scheduled_at)}`;
    return html`<time datetime=${visit.scheduled_at} class="strong">${text}</time>
      <span class="quiet small">${formatRelative(visit.scheduled_at)}</span>`;
  }

  /** @param {EarlierConsultation} visit */
  _doctor({ clinician, department }) {
    return html`<p class="home-doctor">
      <span>${t('home.with', { name: clinician.name })}</span>
      <span class="quiet"
        >${[departmentName(department, language()), clinician.title].filter(Boolean).join(' · ')}</span
      >
    </p>`;
  }

  /** @param {EarlierConsultation} visit @param {boolean} open */
  _earlier(visit, open) {
    const isShared = Boolean(visit.note?.signed_at);
    return html`
      <details class="card tight earlier" ?open=${open && isShared} data-testid="earlier-consultation">
        <summary>
          <span class="grow">
            <time class="strong" datetime=${visit.scheduled_at}>${formatDate(visit.scheduled_at)}</time>
            <span class="quiet">${visit.clinician.name} · ${departmentName(visit.department, language())}</span>
            <span class="small quiet">${visit.reason}</span>
          </span>
          <c-icon name="chevron-down"></c-icon>
        </summary>
        ${
          isShared
            ? html`<c-note-text .note=${visit.note} plain></c-note-text>`
            : html`<p class="quiet">${t('home.note_none')}</p>`
        }
        ${
          visit.recording_id || visit.recording_state ? html`<p class="small quiet">${t('home.recorded')}</p>` : nothing
        }
      </details>
    `;
  }
}

/** Planned visits, and past ones with their notes. @returns {Promise<EarlierConsultation[]>} */
async function readVisits() {
  const patient = auth.me?.patient;
  const [{ consultations }, history] = await Promise.all([
    api.get('/consultations'),
    patient ? api.get(`/patients/${patient}/history`) : { consultations: [] },
  ]);
  /** @type {Map<string, EarlierConsultation>} */
  const byId = new Map(history.consultations.map((/** @type {EarlierConsultation} */ each) => [each.id, each]));
  for (const each of consultations) byId.set(each.id, { ...byId.get(each.id), ...each });
  return [...byId.values()];
}

customElements.define('c-patient-home', CPatientHome);
