// @ts-check
/**
 * How loud a microphone is, ten times a second, and whether it delivers nothing at all.
 *
 * The meter listens to a copy of the track, so it still hears somebody who is muted (and can say so).
 */
import { Emitter } from '../net/emitter.js';

const EVERY_MS = 100;
const SPEECH = 0.015; // root mean square of a quiet voice at arm's length
const NOTHING = 0.00002; // a working microphone always has some noise; this is a switched-off one

/** Heard anything, speaking now, or digital silence. @typedef {{ level: number, speaking: boolean, heard: boolean, deadMs: number }} Reading */

/** @extends {Emitter<{ reading: [Reading] }>} */
export class Meter extends Emitter {
  /** @param {MediaStreamTrack} track */
  constructor(track) {
    super();
    this._copy = track.clone();
    this._copy.enabled = true;
    this._context = new AudioContext();
    this._analyser = this._context.createAnalyser();
    this._analyser.fftSize = 1024;
    this._source = this._context.createMediaStreamSource(new MediaStream([this._copy]));
    this._source.connect(this._analyser);
    this._samples = new Float32Array(this._analyser.fftSize);
    this._heard = false;
    this._deadSince = 0;
    this._loudUntil = 0;
    this._timer = setInterval(() => this._read(), EVERY_MS);
    this._context.resume().catch(() => {});
  }

  close() {
    clearInterval(this._timer);
    this._source.disconnect();
    this._copy.stop();
    this._context.close().catch(() => {});
  }

  _read() {
    if (this._context.state === 'interrupted') this._context.resume().catch(() => {}); // Safari, after a phone call
    if (this._context.state !== 'running') return; // the browser waits for a tap; that is no silence
    this._analyser.getFloatTimeDomainData(this._samples);
    let sum = 0;
    for (const sample of this._samples) sum += sample * sample;
    const loudness = Math.sqrt(sum / this._samples.length);
    const now = performance.now();
    if (loudness > SPEECH) {
      this._heard = true;
      this._loudUntil = now + 400;
    }
    if (loudness > NOTHING) this._deadSince = now;
    else this._deadSince ||= now;
    this.emit('reading', {
      level: levelOf(loudness),
      speaking: now < this._loudUntil,
      heard: this._heard,
      deadMs: now - this._deadSince,
    });
  }
}

/** From root mean square to the length of a bar, 0 to 1, over the 50 dB in which voices lie. @param {number} loudness */
export function levelOf(loudness) {
  if (loudness <= 0) return 0;
  const decibels = 20 * Math.log10(loudness);
  return Math.min(1, Math.max(0, (decibels + 55) / 50));
}

/**
 * Play two short tones, on the chosen speaker where the browser lets us choose.
 * @param {string} [speaker] a device id
 */
export async function playTestTone(speaker = '') {
  const context = new AudioContext();
  if (speaker && 'setSinkId' in context) await /** @type {any} */ (context).setSinkId(speaker).catch(() => {});
  await context.resume();
  await chime(context, [523.25, 659.25, 783.99], 0.22);
  await context.close();
}

/** Two soft tones for somebody who is called in or a message that came. @param {'admitted' | 'message' | 'arrived'} kind */
export async function playSignal(kind) {
  try {
    const context = new AudioContext();
    await context.resume();
    const tones = { admitted: [523.25, 659.25, 783.99], arrived: [659.25, 880], message: [880] }[kind];
    await chime(context, tones, kind === 'message' ? 0.12 : 0.2);
    await context.close();
  } catch {
    // no sound where the browser waits for a tap first; title and text change all the same
  }
}

/** @param {AudioContext} context @param {readonly number[]} tones @param {number} seconds of each */
function chime(context, tones, seconds) {
  const begin = context.currentTime + 0.02;
  for (const [index, frequency] of tones.entries()) {
    const oscillator = context.createOscillator();
    const volume = context.createGain();
    const at = begin + index * seconds;
    oscillator.frequency.value = frequency;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.18, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + seconds * 1.6);
    oscillator.connect(volume).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(at + seconds * 1.7);
  }
  return new Promise((resolve) => {
    setTimeout(resolve, (tones.length + 1) * seconds * 1000);
  });
}
