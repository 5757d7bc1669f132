// @ts-check
/**
 * The clinic's records as the HTTP API sends them, and the small questions every page asks of them.
 */

/**
 * @typedef {'planned' | 'arrived' | 'in-progress' | 'onhold' | 'finished' | 'cancelled'} ConsultationStatus
 * @typedef {{ id: string, name: string, birth_date: string, sex: string, record_number?: string, phone?: string, language?: string }} Patient
 * @typedef {{ id: string, name_en: string, name_zh: string }} Department
 * @typedef {'recording' | 'composing' | 'ready' | 'failed'} RecordingState
 * @typedef {{
 *   id: string, patient: Patient, clinician: { id: string, name: string, title?: string }, department: Department,
 *   scheduled_at: string, planned_minutes: number, reason: string, status: ConsultationStatus,
 *   started_at?: string | null, finished_at?: string | null,
 *   note_state?: 'none' | 'draft' | 'signed', recording_state?: RecordingState | null,
 * }} ConsultationSummary
 * @typedef {{ author: string, author_name: string, at: string, text: string }} Addendum
 * @typedef {{
 *   consultation: string, subjective: string, objective: string, assessment: string, plan: string, version: number,
 *   saved_at?: string | null, signed_by?: string | null, signed_by_name?: string | null, signed_at?: string | null,
 *   addenda: Addendum[],
 * }} VisitNote
 * @typedef {{ id: string, text: string, code: string, clinical_status: string, onset: string | null, note?: string }} Condition
 * @typedef {{ id: string, substance: string, reaction: string, criticality: string, recorded: string | null }} Allergy
 * @typedef {{ id: string, text: string, dosage: string, status: string, since: string | null, until?: string | null }} Medication
 * @typedef {{
 *   id: string, code: string, text: string, value: number, unit: string, at: string,
 *   low?: number | null, high?: number | null,
 * }} Observation
 * @typedef {ConsultationSummary & { note?: VisitNote | null, recording_id?: string | null }} EarlierConsultation
 * @typedef {{
 *   patient: Patient, conditions: Condition[], allergies: Allergy[], medications: Medication[],
 *   observations: Observation[], consultations: EarlierConsultation[],
 * }} PatientHistory
 */

/**
 * Whole years somebody has lived on `today`.
 * @param {string} birthDate an ISO date
 * @param {Date} today
 * @returns {number | null} null when the date cannot be read
 */
export function ageOn(birthDate, today) {
  const born = /^(\d{4})-(\d{2})-(\d{2})/.exec(birthDate ?? '');
  if (!born) return null;
  const [year, month, day] = born.slice(1).map(Number);
  const hadBirthday = today.getMonth() + 1 > month || (today.getMonth() + 1 === month && today.getDate() >= day);
  return today.getFullYear() - year - (hadBirthday ? 0 : 1);
}

/**
 * @param {Department | null | undefined} department
 * @param {string} language
 */
export function departmentName(department, language) {
  if (!department) return '';
  return language.startsWith('zh')
    ? department.name_zh || department.name_en
    : department.name_en || department.name_zh;
}

/** @param {{ status: ConsultationStatus }} consultation */
export function isOver(consultation) {
  return consultation.status === 'finished' || consultation.status === 'cancelled';
}

/** @param {{ status: ConsultationStatus }} consultation */
export function isUnderWay(consultation) {
  return consultation.status === 'in-progress' || consultation.status === 'onhold';
}

/**
 * The visit a patient should be offered first: one under way, else the nearest to come.
 * @template {ConsultationSummary} C
 * @param {C[]} consultations
 * @returns {C | null}
 */
export function nextConsultation(consultations) {
  const open = consultations.filter((each) => !isOver(each)).sort(byTime);
  return open.find(isUnderWay) ?? open[0] ?? null;
}

/**
 * Earliest first.
 * @param {{ scheduled_at: string }} a
 * @param {{ scheduled_at: string }} b
 */
export function byTime(a, b) {
  return Date.parse(a.scheduled_at) - Date.parse(b.scheduled_at);
}

/**
 * Visits that are over and whose note still waits for a signature, newest first.
 * @template {ConsultationSummary} C
 * @param {C[]} consultations
 * @returns {C[]}
 */
export function unfinishedNotes(consultations) {
  return consultations
    .filter((each) => each.status === 'finished' && each.note_state !== 'signed')
    .sort((a, b) => byTime(b, a));
}

/**
 * Whether two instants fall on one calendar day of the reader.
 * @param {string | number | Date} a
 * @param {string | number | Date} b
 */
export function isSameDay(a, b) {
  return localDay(new Date(a)) === localDay(new Date(b));
}

/**
 * The reader's calendar day as the API's `day` parameter wants it.
 * @param {Date} instant
 */
export function localDay(instant) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `${instant.getFullYear()}-${two(instant.getMonth() + 1)}-${two(instant.getDate())}`;
}

/**
 * Letters for a round picture: two initials of a Latin name, the last two characters of a Chinese one.
 * @param {string} name
 */
export function initials(name) {
  const clean = (name ?? '').trim().replace(/^(Dr|Prof|Mr|Mrs|Ms)\.?\s+/i, '');
  if (/[\u3400-\u9fff]/.test(clean))
    return [...clean.replace(/\s/g, '').replace(/(医生|医师)$/, '')].slice(-2).join('');
  const words = clean.split(/\s+/).filter(Boolean);
  return ((words[0]?.[0] ?? '') + (words.length > 1 ? words[words.length - 1][0] : '')).toUpperCase();
}
