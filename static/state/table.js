// @ts-check
/**
 * Tables as values: sorted by a column, written as a spreadsheet file.
 */

/**
 * @typedef {{ column: string, descending: boolean }} Sorting
 */

/**
 * A second press on the same column turns the order round.
 * @param {Sorting} sorting
 * @param {string} column
 * @returns {Sorting}
 */
export function pressed(sorting, column) {
  return { column, descending: sorting.column === column ? !sorting.descending : false };
}

/**
 * @template T
 * @param {readonly T[]} rows
 * @param {Sorting} sorting
 * @param {Record<string, (row: T) => string | number>} keys
 * @param {string} language names are ordered as its readers expect
 * @returns {T[]} a new array; rows that compare equal keep their order
 */
export function sorted(rows, sorting, keys, language) {
  const key = keys[sorting.column];
  if (!key) return [...rows];
  const collator = new Intl.Collator(language, { numeric: true });
  const sign = sorting.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    const order =
      typeof left === 'number' && typeof right === 'number'
        ? left - right
        : collator.compare(String(left), String(right));
    return sign * order;
  });
}

/**
 * RFC 4180, with a byte order mark so that spreadsheets read Chinese, and no cell that a spreadsheet would run as a formula.
 * @param {readonly string[]} header
 * @param {readonly (readonly (string | number | null | undefined)[])[]} rows
 */
export function csv(header, rows) {
  return `\ufeff${[header, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

/** @param {string | number | null | undefined} value */
function cell(value) {
  let text = value === null || value === undefined ? '' : String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
