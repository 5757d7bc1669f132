// @ts-check
/**
 * The visit note on the doctor's side of the wire, as a pure reducer: what is typed, what is saved, what to do about a conflict.
 * Nothing typed is ever dropped by it except when the doctor chooses the other version.
 */

/** @typedef {import('./clinic.js').VisitNote} VisitNote */
/** @typedef {'subjective' | 'objective' | 'assessment' | 'plan'} Section */
/** @typedef {Record<Section, string>} Sections */
/**
 * `saved`: as stored; `unsaved`: typed since; `saving`: on its way; `failed`: will be tried again; `conflict`: somebody else saved.
 * @typedef {'loading' | 'saved' | 'unsaved' | 'saving' | 'failed' | 'conflict'} Phase
 * @typedef {{ phase: Phase, note: VisitNote | null, draft: Sections, sent: Sections | null, theirs: VisitNote | null, attempts: number }} NoteState
 * @typedef {{ type: 'loaded', note: VisitNote } | { type: 'typed', section: Section, text: string } | { type: 'saving' }
 *   | { type: 'saved', note: VisitNote } | { type: 'failed' } | { type: 'conflict', note: VisitNote }
 *   | { type: 'keep_mine' } | { type: 'take_theirs' } | { type: 'settled', note: VisitNote }} NoteAction
 */

/** @type {readonly Section[]} */
export const SECTIONS = ['subjective', 'objective', 'assessment', 'plan'];

/** @type {NoteState} */
export const emptyNote = Object.freeze({
  phase: 'loading',
  note: null,
  draft: Object.freeze({ subjective: '', objective: '', assessment: '', plan: '' }),
  sent: null,
  theirs: null,
  attempts: 0,
});

/**
 * @param {NoteState} state
 * @param {NoteAction} action
 * @returns {NoteState}
 */
export function reduceNote(state, action) {
  switch (action.type) {
    case 'loaded':
      // A page opened twice must not throw away what was typed in the meantime.
      if (state.note && state.phase !== 'saved' && state.phase !== 'loading') return state;
      return { ...emptyNote, phase: 'saved', note: action.note, draft: sectionsOf(action.note) };
    case 'typed': {
      if (!state.note || isSigned(state)) return state;
      const draft = { ...state.draft, [action.section]: action.text };
      if (state.phase === 'conflict' || state.phase === 'saving') return { ...state, draft };
      return { ...state, draft, phase: isSame(draft, sectionsOf(state.note)) ? 'saved' : 'unsaved' };
    }
    case 'saving':
      return { ...state, phase: 'saving', sent: state.draft };
    case 'saved': {
      const phase = isSame(state.draft, sectionsOf(action.note)) ? 'saved' : 'unsaved';
      return { ...state, phase, note: action.note, sent: null, theirs: null, attempts: 0 };
    }
    case 'failed':
      return { ...state, phase: 'failed', sent: null, attempts: state.attempts + 1 };
    case 'conflict':
      if (isSame(state.draft, sectionsOf(action.note))) {
        return { ...state, phase: 'saved', note: action.note, sent: null, theirs: null, attempts: 0 };
      }
      return { ...state, phase: 'conflict', sent: null, theirs: action.note };
    case 'keep_mine':
      if (!state.theirs) return state;
      return { ...state, phase: 'unsaved', note: state.theirs, theirs: null };
    case 'take_theirs':
      if (!state.theirs) return state;
      return { ...emptyNote, phase: 'saved', note: state.theirs, draft: sectionsOf(state.theirs) };
    case 'settled':
      return { ...emptyNote, phase: 'saved', note: action.note, draft: sectionsOf(action.note) };
    default:
      return state;
  }
}

/**
 * Whether leaving now would lose something.
 * @param {NoteState} state
 */
export function isPending(state) {
  return (
    state.phase === 'unsaved' || state.phase === 'saving' || state.phase === 'failed' || state.phase === 'conflict'
  );
}

/** @param {NoteState} state */
export function isSigned(state) {
  return Boolean(state.note?.signed_at);
}

/** @param {Sections} draft */
export function isBlank(draft) {
  return SECTIONS.every((section) => !draft[section].trim());
}

/**
 * How long to wait before trying again, in milliseconds: 2 s, doubling, at most 30 s.
 * @param {number} attempts
 */
export function retryDelay(attempts) {
  return Math.min(30_000, 1000 * 2 ** Math.max(1, attempts));
}

/**
 * A template fills what is empty and is put under what is already written.
 * @param {Sections} draft
 * @param {Partial<Sections>} template
 * @returns {Sections}
 */
export function applyTemplate(draft, template) {
  const filled = { ...draft };
  for (const section of SECTIONS) {
    const text = template[section];
    if (!text || filled[section].includes(text)) continue;
    filled[section] = filled[section].trim() ? `${filled[section].trimEnd()}\n${text}` : text;
  }
  return filled;
}

/**
 * @param {VisitNote | Sections} note
 * @returns {Sections}
 */
export function sectionsOf(note) {
  const { subjective = '', objective = '', assessment = '', plan = '' } = note;
  return { subjective, objective, assessment, plan };
}

/**
 * @param {Sections} a
 * @param {Sections} b
 */
function isSame(a, b) {
  return SECTIONS.every((section) => a[section] === b[section]);
}
