import assert from 'node:assert/strict';
import test from 'node:test';
import { Reception } from '../../static/rtc/reception.js';

const picture = (more) => ({ type: 'inbound-rtp', kind: 'video', framesDecoded: 0, frameHeight: 720, ...more });
const sound = (more) => ({ type: 'inbound-rtp', kind: 'audio', concealedSamples: 0, ...more });
const path = { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.084 };

test('a report tells what happened since the last one, about every ten seconds', () => {
  const reception = new Reception();
  assert.equal(reception.look([picture({ framesDecoded: 100 }), sound(), path], 0), null);
  assert.equal(reception.look([picture({ framesDecoded: 150 }), sound(), path], 2000), null);
  const after = [
    picture({ framesDecoded: 350, totalFreezesDuration: 1.25 }),
    sound({ concealedSamples: 96_000, silentConcealedSamples: 48_000 }),
    path,
  ];
  assert.deepEqual(reception.look(after, 10_000), {
    freeze_ms: 1250,
    concealed_ms: 1000,
    frames_per_second: 25,
    picture_height: 720,
    round_trip_ms: 84,
  });
});

test('where no picture comes nothing is said of pictures', () => {
  const reception = new Reception();
  reception.look([sound()], 0);
  assert.deepEqual(reception.look([sound()], 10_000), { freeze_ms: 0, concealed_ms: 0 });
});

test('a new connection, whose counters begin anew, does no harm', () => {
  const reception = new Reception();
  reception.look([picture({ framesDecoded: 900, totalFreezesDuration: 5 })], 0);
  const report = reception.look([picture({ framesDecoded: 10, totalFreezesDuration: 0 })], 10_000);
  assert.deepEqual(report, { freeze_ms: 0, concealed_ms: 0 });
});
