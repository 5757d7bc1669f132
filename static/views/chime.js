// @ts-check
/** The doorbell: two soft notes when somebody comes into a waiting room. Switched off for good by one press. */

const STORED_AS = 'consilium.chime';
const NOTES = [{ hertz: 659, at: 0 }, { hertz: 880, at: 0.18 }];

/** @type {AudioContext | null} */
let context = null;

export function isChimeOn() {
  try {
    return localStorage.getItem(STORED_AS) !== 'off';
  } catch {
    return true;
  }
}

/** @param {boolean} on */
export function setChime(on) {
  try {
    localStorage.setItem(STORED_AS, on ? 'on' : 'off');
  } catch {
    // storage is refused: it rings again next time
  }
}

/** Ring, unless switched off or the browser wants a press on the page first. */
export function chime() {
  if (!isChimeOn()) return;
  context ??= new AudioContext();
  context.resume().catch(() => {});
  for (const { hertz, at } of NOTES) {
    const [tone, volume] = [context.createOscillator(), context.createGain()];
    const start = context.currentTime + at;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.16, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.7);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.75);
  }
}
