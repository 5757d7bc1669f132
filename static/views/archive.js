// @ts-check
import { html, nothing } from 'lit';
import { errorText, formatDate, formatDateTime, formatDuration, formatTime, language, t } from '../i18n/i18n.js';
import { api } from '../net/api.js';
import { auth } from '../net/auth.js';
import { navigate } from '../router.js';
import { departmentName, localDay } from '../state/clinic.js';
import { csv, pressed, sorted } from '../state/table.js';
import { download } from './download.js';
import { Page } from './element.js';
import { Resource } from './resource.js';
import './badge.js';
import './icon.js';
import { toast } from './toast.js';

/** @typedef {import('../state/clinic.js').ConsultationSummary} ConsultationSummary */
/** @typedef {ConsultationSummary & { recording?: { id: string, state: import('../state/clinic.js').RecordingState, duration_ms: number, progress: number, failure?: string } | null, is_destroyed: boolean, hold: 'asked' | 'set' | 'lift_asked' | null }} ArchiveEntry */
/** @typedef {{ entries: ArchiveEntry[], next: string | null }} Found */
/** @typedef {{ q: string, patient: string, clinician: string, department: string, from: string, to: string, recording: string, longer_than: string, hold: string }} Filters */

const FILTERS = /** @type {const} */ ([
  'q',
  'patient',
  'clinician',
  'department',
  'from',
  'to',
  'recording',
  'longer_than',
  'hold',
]);
const NO_FILTERS = /** @type {Filters} */ (Object.fromEntries(FILTERS.map((name) => [name, ''])));
const RECORDING_STATES = ['ready', 'composing', 'failed', 'recording', 'destroyed', 'none'];
const HOLDS = ['open', 'awaiting'];
const LENGTHS = [5, 15, 30, 60]; // minutes
const DAY_MS = 86_400_000;
const EXPORT_PAGES = 40; // of what the server gives at once
const COLUMNS = ['date', 'patient', 'doctor', 'department', 'reason', 'note', 'recording'];
const RECORDING_KINDS = { recording: 'recording', composing: 'info', ready: 'good', failed: 'danger' };
const NOTE_KINDS = { none: 'plain', draft: 'warning', signed: 'good' };

/** @type {Record<string, (entry: ArchiveEntry) => string | number>} */
const KEYS = {
  date: (entry) => Date.parse(entry.started_at ?? entry.scheduled_at),
  patient: (entry) => entry.patient.name,
  doctor: (entry) => entry.clinician.name,
  department: (entry) => departmentName(entry.department, language()),
  reason: (entry) => entry.reason,
  note: (entry) => entry.note_state ?? '',
  recording: (entry) => entry.recording?.duration_ms ?? -1,
};

/** The archive: one search line, filters as chips, a table that can be sorted and exported. The address holds the search. */
export class CArchive extends Page {
  static properties = {
    ...Page.properties,
    _filters: { state: true },
    _sorting: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    /** @type {Filters} */
    this._filters = { ...NO_FILTERS };
    /** @type {import('../state/table.js').Sorting} */
    this._sorting = { column: 'date', descending: true };
    /** @type {'' | 'more' | 'export'} */
    this._busy = '';
    /** @type {Resource<import('../state/clinic.js').Department[]>} */
    this._departments = new Resource(this, async () => (await api.get('/departments')).departments);
    /** How many legal holds wait for this custodian. @type {Resource<number>} */
    this._awaiting = new Resource(this, async () =>
      auth.me?.role === 'custodian' ? (await api.get('/holds')).awaiting : 0,
    );
    /** @type {Resource<Found>} */
    this._found = new Resource(this, () => search(this._filters));
  }

  get heading() {
    return t('archive.title');
  }

  connectedCallback() {
    for (const name of FILTERS) this._filters[name] = this.query.get(name) ?? '';
    super.connectedCallback();
  }

  render() {
    return html`
      <div class="page archive">
        <header class="page-head">
          <h1 tabindex="-1">${t('archive.title')}</h1>
          ${
            auth.me?.role === 'custodian'
              ? html`<a class="button" href="/retention" data-testid="retention"
                    ><c-icon name="clock"></c-icon>${t('retention.title')}</a
                  >
                  <a class="button" href="/custody" data-testid="custody"
                    ><c-icon name="lock"></c-icon>${t('custody.title')}</a
                  >`
              : nothing
          }
          <button
            class="button"
            type="button"
            data-testid="export"
            aria-busy=${this._busy === 'export'}
            ?disabled=${this._busy !== ''}
            @click=${this._export}
          >
            <c-icon name="download"></c-icon>${t('archive.export')}
          </button>
        </header>
        ${this._awaitingNotice()} ${this._form()} ${this._chips()} ${this._found.render((found) => this._results(found), { lines: 8 })}
      </div>
    `;
  }

  /** What another custodian asked for and this one can confirm, where they land. */
  _awaitingNotice() {
    const count = this._awaiting.value ?? 0;
    if (count === 0 || this._filters.hold === 'awaiting') return nothing;
    return html`<div class="notice warning" role="status" data-testid="holds-awaiting">
      <c-icon name="alert"></c-icon>
      <p class="grow">${t('archive.holds_awaiting', { count })}</p>
      <button
        class="button"
        type="button"
        data-testid="show-awaiting"
        @click=${() => this._change({ ...NO_FILTERS, hold: 'awaiting' })}
      >
        ${t('archive.holds_show')}
      </button>
    </div>`;
  }

  _form() {
    const { q, from, to } = this._filters;
    return html`
      <form class="archive-search" role="search" @submit=${this._submit}>
        <div class="field grow">
          <label for="archive-q">${t('archive.search')}</label>
          <div class="with-icon">
            <c-icon name="search"></c-icon>
            <input
              id="archive-q"
              name="q"
              type="search"
              autocomplete="off"
              spellcheck="false"
              placeholder=${t('archive.search_hint')}
              .value=${q}
              data-testid="archive-search"
            />
          </div>
        </div>
        <button class="button primary" type="submit" data-testid="archive-submit">${t('archive.find')}</button>
        <div class="archive-filters">
          <div class="field">
            <label for="archive-from">${t('archive.from')}</label>
            <input
              id="archive-from"
              name="from"
              type="date"
              .value=${from}
              max=${to || nothing}
              data-testid="archive-from"
            />
          </div>
          <div class="field">
            <label for="archive-to">${t('archive.to')}</label>
            <input id="archive-to" name="to" type="date" .value=${to} min=${from || nothing} data-testid="archive-to" />
          </div>
          ${this._choice(
            'department',
            (this._departments.value ?? []).map((one) => [one.id, departmentName(one, language())]),
          )}
          ${this._choice(
            'recording',
            RECORDING_STATES.map((state) => [state, t(`recording_state.${state}`)]),
          )}
          ${this._choice(
            'longer_than',
            LENGTHS.map((minutes) => [String(minutes), t('archive.minutes', { count: minutes })]),
          )}
          ${
            auth.me?.role === 'custodian'
              ? this._choice(
                  'hold',
                  HOLDS.map((hold) => [hold, t(`archive.hold.${hold}`)]),
                )
              : nothing
          }
        </div>
      </form>
    `;
  }

  /** A list to choose one from, or any. It searches when something is chosen. @param {keyof Filters} name @param {[string, string][]} options */
  _choice(name, options) {
    return html`<div class="field">
      <label for=${`archive-${name}`}>${t(`archive.choice.${name}`)}</label>
      <select
        id=${`archive-${name}`}
        name=${name}
        data-testid=${`archive-${name}`}
        @change=${(/** @type {Event} */ event) =>
          this._change({ [name]: /** @type {HTMLSelectElement} */ (event.target).value })}
      >
        <option value="" ?selected=${!this._filters[name]}>${t('archive.any')}</option>
        ${options.map(
          ([value, text]) => html`<option value=${value} ?selected=${this._filters[name] === value}>${text}</option>`,
        )}
      </select>
    </div>`;
  }

  _chips() {
    const { patient, clinician, department, from, to, q, recording, longer_than, hold } = this._filters;
    const rows = this._found.value?.entries ?? [];
    /** @type {{ text: string, drop: (keyof Filters)[], name: string }[]} */
    const chips = [];
    if (q) chips.push({ text: `“${q}”`, drop: ['q'], name: 'q' });
    if (patient)
      chips.push({
        text: t('archive.chip.patient', { name: rows.find((row) => row.patient.id === patient)?.patient.name ?? '…' }),
        drop: ['patient'],
        name: 'patient',
      });
    if (clinician)
      chips.push({
        text: t('archive.chip.clinician', {
          name: rows.find((row) => row.clinician.id === clinician)?.clinician.name ?? '…',
        }),
        drop: ['clinician'],
        name: 'clinician',
      });
    if (department) {
      const chosen = this._departments.value?.find((one) => one.id === department);
      chips.push({ text: chosen ? departmentName(chosen, language()) : '…', drop: ['department'], name: 'department' });
    }
    if (recording) chips.push({ text: t(`recording_state.${recording}`), drop: ['recording'], name: 'recording' });
    if (longer_than)
      chips.push({
        text: t('archive.minutes', { count: Number(longer_than) }),
        drop: ['longer_than'],
        name: 'longer_than',
      });
    if (hold) chips.push({ text: t(`archive.hold.${hold}`), drop: ['hold'], name: 'hold' });
    if (from || to) {
      const key = from && to ? 'archive.chip.range' : from ? 'archive.chip.from' : 'archive.chip.to';
      chips.push({
        text: t(key, { from: from ? formatDate(`${from}T12:00`) : '', to: to ? formatDate(`${to}T12:00`) : '' }),
        drop: ['from', 'to'],
        name: 'date',
      });
    }
    return html`
      <div class="chips" role="group" aria-label=${t('archive.filters')}>
        ${chips.map(
          (chip) => html`
            <button
              class="chip active"
              type="button"
              aria-label=${t('archive.remove_filter', { filter: chip.text })}
              data-testid=${`chip-${chip.name}`}
              @click=${() => this._change(Object.fromEntries(chip.drop.map((name) => [name, ''])))}
            >
              <span>${chip.text}</span><c-icon name="close"></c-icon>
            </button>
          `,
        )}
        ${from || to ? nothing : this._dayChips()}
        ${
          chips.length > 1
            ? html`<button
                class="link-button"
                type="button"
                data-testid="clear-filters"
                @click=${() => this._change(NO_FILTERS)}
              >
                ${t('archive.clear')}
              </button>`
            : nothing
        }
      </div>
    `;
  }

  _dayChips() {
    const back = (/** @type {number} */ days) => localDay(new Date(Date.now() - days * DAY_MS));
    return [
      ['today', 0],
      ['week', 6],
      ['month', 29],
    ].map(
      ([name, days]) => html`
        <button
          class="chip"
          type="button"
          data-testid=${`filter-${name}`}
          @click=${() => this._change({ from: back(Number(days)), to: back(0) })}
        >
          <c-icon name="calendar"></c-icon>${t(`archive.${name}`)}
        </button>
      `,
    );
  }

  /** @param {Found} found */
  _results({ entries, next }) {
    if (entries.length === 0) {
      const isFiltered = FILTERS.some((name) => this._filters[name]);
      return html`<section class="card">
        <c-empty
          icon="archive"
          .heading=${t(isFiltered ? 'archive.none_found' : 'archive.none')}
          .text=${t(isFiltered ? 'archive.none_found_text' : 'archive.none_text')}
        ></c-empty>
      </section>`;
    }
    const rows = sorted(entries, this._sorting, KEYS, language());
    return html`
      <p class="small quiet" role="status" data-testid="archive-count">
        ${t(next ? 'archive.count_more' : 'archive.count', { count: entries.length })}
      </p>
      <div class="table-wrap" aria-busy=${this._found.isLoading}>
        <table class="table cards-on-phone archive-table" data-testid="archive-table">
          <thead>
            <tr>
              ${COLUMNS.map((column) => this._header(column))}
            </tr>
          </thead>
          <tbody @keydown=${this._key}>
            ${rows.map((entry) => this._row(entry))}
          </tbody>
        </table>
      </div>
      ${
        next
          ? html`<button
              class="button"
              type="button"
              aria-busy=${this._busy === 'more'}
              ?disabled=${this._busy !== ''}
              data-testid="archive-more"
              @click=${this._more}
            >
              ${t('archive.more')}
            </button>`
          : nothing
      }
    `;
  }

  /** @param {string} column */
  _header(column) {
    const { column: active, descending } = this._sorting;
    const order = active === column ? (descending ? 'descending' : 'ascending') : 'none';
    const name = t(`archive.column.${column}`);
    return html`<th scope="col" aria-sort=${order}>
      <button
        class="sort-button"
        type="button"
        title=${t('archive.sort_by', { column: name })}
        data-testid=${`sort-${column}`}
        @click=${() => {
          this._sorting = pressed(this._sorting, column);
        }}
      >
        ${name}<span class="sort-mark" aria-hidden="true">${{ ascending: '▲', descending: '▼', none: '' }[order]}</span>
      </button>
    </th>`;
  }

  /** @param {ArchiveEntry} entry */
  _row(entry) {
    const at = entry.started_at ?? entry.scheduled_at;
    const cell = (/** @type {string} */ column, /** @type {unknown} */ content) =>
      html`<td data-column=${column} data-label=${t(`archive.column.${column}`)}>${content}</td>`;
    return html`
      <tr
        data-testid="archive-row"
        data-consultation=${entry.id}
        @click=${(/** @type {MouseEvent} */ event) => this._press(event, entry.id)}
      >
        ${cell(
          'date',
          html`<a
              class="row-link"
              href=${`/archive/${entry.id}`}
              aria-label=${t('archive.open', { name: entry.patient.name, date: formatDateTime(at) })}
            >
              <time datetime=${at}>${formatDate(at)}</time></a
            >
            <span class="quiet small nowrap">${formatTime(at)}</span>`,
        )}
        ${cell(
          'patient',
          html`<span>${entry.patient.name}</span>${this._only(entry.patient.name, { patient: entry.patient.id })}
            <span class="quiet small block">${formatDate(entry.patient.birth_date)}</span>`,
        )}
        ${cell('doctor', html`<span>${entry.clinician.name}</span>${this._only(entry.clinician.name, { clinician: entry.clinician.id })}`)}
        ${cell('department', departmentName(entry.department, language()))} ${cell('reason', entry.reason)}
        ${cell('note', html`<c-badge kind=${NOTE_KINDS[entry.note_state ?? 'none']} text=${t(`note_state.${entry.note_state ?? 'none'}`)}></c-badge>`)}
        ${cell('recording', html`${this._recording(entry)} ${entry.hold ? html`<c-badge kind="warning" icon="lock" text=${t(`archive.held.${entry.hold}`)} data-testid="row-hold"></c-badge>` : nothing}`)}
      </tr>
    `;
  }

  /** @param {string} name @param {Partial<Filters>} filter */
  _only(name, filter) {
    if (Object.entries(filter).every(([key, value]) => this._filters[/** @type {keyof Filters} */ (key)] === value))
      return nothing;
    const label = t('archive.only', { name });
    return html`<button
      class="cell-filter"
      type="button"
      aria-label=${label}
      title=${label}
      data-testid=${`only-${Object.keys(filter)[0]}`}
      @click=${() => this._change(filter)}
    >
      <c-icon name="filter"></c-icon>
    </button>`;
  }

  /** The whole row opens the visit for a mouse or a finger; the link in it does for everybody. @param {MouseEvent} event @param {string} id */
  _press(event, id) {
    const isOwn = event.target instanceof Element && event.target.closest('a, button');
    if (!isOwn && !getSelection()?.toString()) navigate(`/archive/${id}`);
  }

  /** @param {ArchiveEntry} entry */
  _recording({ recording, is_destroyed }) {
    if (!recording) return html`<span class="quiet small">${t('archive.no_recording')}</span>`;
    if (is_destroyed) return html`<c-badge kind="plain" text=${t('recording_state.destroyed')}></c-badge>`;
    if (recording.state === 'ready')
      return html`<span class="row"
        ><c-icon name="play"></c-icon><span class="figures">${formatDuration(recording.duration_ms)}</span></span
      >`;
    const text =
      recording.state === 'composing'
        ? t('archive.composing', { progress: recording.progress })
        : t(`recording_state.${recording.state}`);
    return html`<c-badge kind=${RECORDING_KINDS[recording.state]} text=${text}></c-badge>`;
  }

  /** Arrow keys walk through the rows. @param {KeyboardEvent} event */
  _key(event) {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (!step) return;
    const links = /** @type {HTMLElement[]} */ ([...this.querySelectorAll('tbody .row-link')]);
    const row = event.target instanceof Element ? event.target.closest('tr') : null;
    const next = links[links.findIndex((link) => row?.contains(link)) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  /** @param {SubmitEvent} event */
  _submit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    this._change({
      q: String(form.get('q') ?? '').trim(),
      from: String(form.get('from') ?? ''),
      to: String(form.get('to') ?? ''),
    });
  }

  /** @param {Partial<Filters>} changes */
  _change(changes) {
    this._filters = { ...this._filters, ...changes };
    const address = new URLSearchParams(
      FILTERS.filter((name) => this._filters[name]).map((name) => [name, this._filters[name]]),
    );
    history.replaceState(null, '', `/archive${address.size > 0 ? `?${address}` : ''}`);
    this._found.load();
  }

  async _more() {
    const found = this._found.value;
    if (!found?.next) return;
    await this._working('more', async () => {
      const more = await search(this._filters, found.next);
      this._found.set({ entries: [...found.entries, ...more.entries], next: more.next });
    });
  }

  /** Everything that was found, also what is not shown yet. */
  async _export() {
    await this._working('export', async () => {
      let { entries, next } = await search(this._filters);
      for (let page = 1; next && page < EXPORT_PAGES; page += 1) {
        const more = await search(this._filters, next);
        entries = [...entries, ...more.entries];
        next = more.next;
      }
      const header = [
        'date',
        'patient',
        'doctor',
        'department',
        'reason',
        'status',
        'note',
        'recording',
        'duration',
        'hold',
      ].map((name) => t(`archive.column.${name}`));
      const rows = sorted(entries, this._sorting, KEYS, language()).map((entry) => [
        formatDateTime(entry.started_at ?? entry.scheduled_at),
        entry.patient.name,
        entry.clinician.name,
        departmentName(entry.department, language()),
        entry.reason,
        t(`status.${entry.status}`),
        t(`note_state.${entry.note_state ?? 'none'}`),
        t(`recording_state.${entry.is_destroyed ? 'destroyed' : (entry.recording?.state ?? 'none')}`),
        entry.recording ? formatDuration(entry.recording.duration_ms) : '',
        entry.hold ? t(`archive.held.${entry.hold}`) : '',
      ]);
      download(
        new Blob([csv(header, rows)], { type: 'text/csv;charset=utf-8' }),
        `archive-${localDay(new Date())}.csv`,
      );
      toast(t('archive.exported', { count: rows.length }), { kind: 'good' });
    });
  }

  /** @param {'more' | 'export'} what @param {() => Promise<void>} action */
  async _working(what, action) {
    this._busy = what;
    try {
      await action();
    } catch (error) {
      toast(errorText(error), { kind: 'danger' });
    } finally {
      this._busy = '';
    }
  }
}

/** Days are the reader's own; the server is asked for instants. @param {Filters} filters @param {string | null} [cursor] @returns {Promise<Found>} */
async function search({ from, to, ...rest }, cursor = null) {
  const begin = from ? new Date(`${from}T00:00`) : null;
  const end = to ? new Date(`${to}T00:00`) : null;
  end?.setDate(end.getDate() + 1);
  const { entries, next = null } = await api.get('/archive', {
    query: { ...rest, from: begin?.toISOString(), to: end?.toISOString(), cursor },
  });
  return { entries, next };
}

customElements.define('c-archive', CArchive);
