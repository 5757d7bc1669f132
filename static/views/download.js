// @ts-check
/** Hands a file to the browser's downloads. */

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * Let the browser fetch an address of ours as a file, so that a large one never has to fit in memory.
 * @param {string} address
 * @param {string} [name]
 */
export function follow(address, name = '') {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}
