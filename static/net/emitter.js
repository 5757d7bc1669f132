// @ts-check
/** Named events with typed listeners; a listener that throws does not keep the others from hearing. */

/** @template {Record<string, any[]>} Events */
export class Emitter {
  constructor() {
    /** @type {Map<keyof Events, Set<(...args: any[]) => void>>} */
    this._listeners = new Map();
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name @param {(...args: Events[Name]) => void} listener
   * @returns {() => void} ends it
   */
  on(name, listener) {
    let listeners = this._listeners.get(name);
    if (!listeners) this._listeners.set(name, (listeners = new Set()));
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name @param {Events[Name]} args
   */
  emit(name, ...args) {
    for (const listener of [...(this._listeners.get(name) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
