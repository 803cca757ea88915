import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addressProblem, camerasOf, cameraWords, pinOf, pinProblem, stateOf, streamNameOf } from '../site/homekit/words.js';

const device = { id: 'AA:BB:CC:DD:EE:FF', name: 'Door', model: 'G4', category: 'doorbell', addresses: ['192.0.2.7:5001'], paired: false };
const pairing = { id: 'aa:bb:cc:dd:ee:ff', name: 'Door', model: 'G4', address: '192.0.2.7:5001', streams: ['door'] };

test('an accessory says whether it is paired, and who looks', () => {
  const accessory = { name: 'gate', title: 'Gate', id: '1', address: 'a:1', streams: ['cam'], controllers: 0, connections: 0, views: 0 };
  assert.equal(stateOf(accessory), 'Not paired yet');
  assert.equal(stateOf({ ...accessory, controllers: 1 }), 'Paired with 1 controller');
  assert.equal(stateOf({ ...accessory, controllers: 2, connections: 1, views: 1 }), 'Paired with 2 controllers · 1 connected · 1 view');
});

test('cameras of ours come first, whether found or not; lamps do not come at all', () => {
  const free = { ...device, id: '1', name: 'Attic' };
  const taken = { ...device, id: '2', name: 'Barn', paired: true };
  const lamp = { ...device, id: '3', category: 'other' };
  const away = { ...pairing, id: '4', name: 'Zoo', streams: [] };
  const all = camerasOf([taken, lamp, free, { ...device, paired: true }], [away, pairing]);
  assert.deepEqual(all.map(({ name, state, found }) => [name, state, found]), [
    ['Door', 'ours', true],
    ['Zoo', 'ours', false],
    ['Attic', 'free', true],
    ['Barn', 'taken', true],
  ]);
  assert.deepEqual(all.map(cameraWords), [
    'G4 · 192.0.2.7:5001 · shown by door',
    'G4 · 192.0.2.7:5001 · no stream shows it · not found on the network now',
    'G4 · 192.0.2.7:5001 · can be paired',
    'G4 · 192.0.2.7:5001 · paired with somebody else: remove it there, or reset it',
  ]);
});

test('pins are taken as people write them', () => {
  for (const pin of ['03145154', '031-45-154', '0314 5154']) {
    assert.equal(pinProblem(pin), null);
    assert.equal(pinOf(pin), '031-45-154');
  }
  assert.match(pinProblem('') ?? '', /on the device/);
  assert.match(pinProblem('1234') ?? '', /eight digits/);
});

test('an address needs its port', () => {
  for (const good of ['192.168.1.20:51826', 'cam.local:80', '[fe80::1]:5001']) assert.equal(addressProblem(good), null);
  for (const bad of ['', '192.168.1.20', 'http://cam:80', 'fe80::1:5001']) assert.match(addressProblem(bad) ?? '', /HOST:PORT/);
});

test('a stream is named after its camera', () => {
  assert.equal(streamNameOf('Front Door (G4)'), 'front-door-g4');
  assert.equal(streamNameOf('Tür'), 'tur');
  assert.equal(streamNameOf('門'), 'camera');
});
