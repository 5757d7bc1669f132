// @ts-check
import assert from 'node:assert/strict';
import test from 'node:test';

import { ApiError } from '../../static/net/api.js';
import { NoteSaver } from '../../static/net/note-saver.js';

/** A note kept as the server keeps it: a save names the version it was made from, a signed note never changes. */
class KeptNote {
  constructor() {
    this.note = {
      consultation: 'con_1',
      subjective: '',
      objective: '',
      assessment: '',
      plan: '',
      version: 0,
      signed_at: /** @type {string | null} */ (null),
      addenda: /** @type {object[]} */ ([]),
    };
    this.isReachable = true;
    this.saves = 0;
  }

  async get() {
    this._reach();
    return { ...this.note };
  }

  /** @param {string} _path @param {any} body */
  async put(_path, { version, ...sections }) {
    this._reach();
    if (this.note.signed_at) throw new ApiError({ code: 'note.signed', status: 409 });
    if (version !== this.note.version) throw new ApiError({ code: 'conflict', status: 409 });
    this.saves += 1;
    this.note = { ...this.note, ...sections, version: version + 1 };
    return { ...this.note };
  }

  /** @param {string} path @param {any} body */
  async post(path, body) {
    this._reach();
    if (path.endsWith('/sign'))
      this.note = { ...this.note, version: this.note.version + 1, signed_at: '2026-03-02T12:00:00.000Z' };
    else this.note = { ...this.note, addenda: [...this.note.addenda, { text: body.text }] };
    return { ...this.note };
  }

  _reach() {
    if (!this.isReachable) throw new ApiError({ code: 'offline' });
  }
}

async function opened() {
  const kept = new KeptNote();
  const saver = new NoteSaver('con_1', /** @type {any} */ (kept));
  await saver.load();
  return { kept, saver };
}

test('what is typed is saved once, and a second save follows the first version', async () => {
  const { kept, saver } = await opened();
  saver.type('plan', 'Rest');
  assert.equal(await saver.flush(), true);
  saver.type('plan', 'Rest and fluids');
  assert.equal(await saver.flush(), true);
  assert.deepEqual([kept.note.plan, kept.note.version, kept.saves], ['Rest and fluids', 2, 2]);
  assert.equal(await saver.flush(), true);
  assert.equal(kept.saves, 2);
});

test('without a connection the words stay, and are saved when it is back', async () => {
  const { kept, saver } = await opened();
  kept.isReachable = false;
  saver.type('plan', 'Rest');
  assert.equal(await saver.flush(), false);
  assert.deepEqual([saver.state.phase, saver.state.draft.plan], ['failed', 'Rest']);
  kept.isReachable = true;
  assert.equal(await saver.flush(), true);
  assert.equal(kept.note.plan, 'Rest');
});

test("somebody else's save is shown, and mine goes over it only when I say so", async () => {
  const { kept, saver } = await opened();
  await kept.put('', { version: 0, plan: 'Surgery' });
  saver.type('plan', 'Rest');
  assert.equal(await saver.flush(), false);
  assert.deepEqual([saver.state.phase, saver.state.theirs?.plan, kept.note.plan], ['conflict', 'Surgery', 'Surgery']);
  assert.equal(await saver.keepMine(), true);
  assert.equal(kept.note.plan, 'Rest');
});

test('signing saves first, and a signed note takes addenda only', async () => {
  const { kept, saver } = await opened();
  assert.equal(await saver.sign(), false);
  saver.type('assessment', 'Common cold');
  assert.equal(await saver.sign(), true);
  assert.equal(kept.note.assessment, 'Common cold');
  saver.type('assessment', 'Something else');
  assert.equal(saver.state.draft.assessment, 'Common cold');
  await saver.addAddendum('Seen again.');
  assert.equal(saver.state.note?.addenda.length, 1);
});

test('a note signed elsewhere while I typed offers its version and loses nothing of mine', async () => {
  const { kept, saver } = await opened();
  kept.note = { ...kept.note, version: 1, signed_at: '2026-03-02T12:00:00.000Z', plan: 'Surgery' };
  saver.type('plan', 'Rest');
  await saver.flush();
  assert.deepEqual(
    [saver.state.phase, saver.state.draft.plan, Boolean(saver.state.theirs?.signed_at)],
    ['conflict', 'Rest', true],
  );
});
