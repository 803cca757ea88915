import assert from 'node:assert/strict';
import { test } from 'node:test';

import { publishAddresses, unreachableListeners, watchAddresses } from '../site/links/addresses.js';
import { publishCommands, shellWord, watchCommands } from '../site/links/commands.js';

const listeners = { http: '0.0.0.0:1984', rtsp: '[::]:8554', rtsps: null, rtmp: '127.0.0.1:1935', webrtc: ':8555' };
const INFO = { name: 'aqueduct', version: '0.1.0', listeners };

/**
 * @param {import('../site/links/addresses.js').Address[]} addresses
 * @param {string} id
 */
const url = (addresses, id) => addresses.find((address) => address.id === id)?.url;

test('addresses take the host from the page and the port from the listener', () => {
  const addresses = watchAddresses('demo', INFO, new URL('http://nas.lan:1984/'));
  assert.equal(url(addresses, 'rtsp'), 'rtsp://nas.lan:8554/demo');
  assert.equal(url(addresses, 'rtmp'), 'rtmp://nas.lan:1935/demo');
  assert.equal(url(addresses, 'flv'), 'http://nas.lan:1984/api/stream.flv?src=demo');
  assert.equal(url(addresses, 'ws-flv'), 'ws://nas.lan:1984/api/stream.flv?src=demo');
  assert.equal(url(addresses, 'whep'), 'http://nas.lan:1984/api/webrtc?src=demo');
});

test('a listener that is off has no address', () => {
  assert.equal(url(watchAddresses('demo', INFO, new URL('http://a/')), 'rtsps'), null);
  assert.equal(url(publishAddresses('demo', null, new URL('http://a/')), 'rtmp'), null);
});

test('a base path and https are kept', () => {
  const addresses = watchAddresses('demo', INFO, new URL('https://home.example/cams/'));
  assert.equal(url(addresses, 'mp4'), 'https://home.example/cams/api/stream.mp4?src=demo');
  assert.equal(url(addresses, 'ws'), 'wss://home.example/cams/api/ws?src=demo');
  assert.equal(url(addresses, 'mse'), 'https://home.example/cams/player.html?src=demo&mode=mse');
});

test('IPv6 hosts stand in brackets once', () => {
  assert.equal(url(watchAddresses('a', INFO, new URL('http://[fd00::1]:1984/')), 'rtsp'), 'rtsp://[fd00::1]:8554/a');
  const own = { ...INFO, listeners: { rtsp: '[fd00::2]:8554' } };
  assert.equal(url(watchAddresses('a', own, new URL('http://x/')), 'rtsp'), 'rtsp://[fd00::2]:8554/a');
});

test('names with slashes, spaces and signs survive', () => {
  const addresses = watchAddresses('door/talk & süd', INFO, new URL('http://h/'));
  assert.equal(url(addresses, 'rtsp'), 'rtsp://h:8554/door/talk%20%26%20s%C3%BCd');
  assert.equal(new URL(url(addresses, 'flv') ?? '').searchParams.get('src'), 'door/talk & süd');
});

test('a visitor from elsewhere is told which listeners are closed to them', () => {
  assert.deepEqual(unreachableListeners(INFO, 'nas.lan'), ['RTMP']);
  assert.deepEqual(unreachableListeners(INFO, 'localhost'), []);
  assert.deepEqual(unreachableListeners(null, 'nas.lan'), []);
});

test('a name cannot leave its word in a shell command', () => {
  assert.equal(shellWord('rtsp://h:8554/demo'), 'rtsp://h:8554/demo');
  assert.equal(shellWord("a'; rm -rf ~"), `'a'\\''; rm -rf ~'`);
  const name = "x'$(id)";
  const commands = watchCommands(watchAddresses(name, INFO, new URL('http://h/')), name);
  for (const { text } of commands) assert.doesNotMatch(text.replaceAll(/'[^']*'/g, ''), /\$\(/);
});

test('OBS gets the RTMP address in two parts', () => {
  const commands = publishCommands(publishAddresses('a/b', INFO, new URL('http://h/')), 'a/b');
  const obs = commands.filter(({ label }) => label.includes('Custom')).map(({ text }) => text);
  assert.deepEqual(obs, ['rtmp://h:1935/a', 'b']);
});
