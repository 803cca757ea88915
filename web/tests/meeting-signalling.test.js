import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { DISCONNECT_GRACE_MS, IceKeeper, RESTART_WAIT_MS, RESTARTS_MAX } from '../site/meeting/ice-keeper.js';
import { Lost, parseMessage, Protoo, Refused } from '../site/meeting/protoo.js';

/** A WebSocket without a network: what is sent is kept, what comes is put in. */
class FakeSocket {
  readyState = 0;
  /** @type {any[]} */
  sent = [];
  /** @type {((event: any) => void) | null} */ onopen = null;
  /** @type {((event: any) => void) | null} */ onmessage = null;
  /** @type {((event: any) => void) | null} */ onclose = null;
  /** @type {number | undefined} */ closedWith;

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** @param {number} [code] */
  close(code) {
    this.closedWith = code ?? 1005;
    this.readyState = 3;
  }

  open() {
    this.readyState = 1;
    this.onopen?.({});
  }

  /** @param {unknown} value */
  take(value) {
    this.onmessage?.({ data: typeof value === 'string' ? value : JSON.stringify(value) });
  }

  /** @param {number} code @param {string} [reason] */
  end(code, reason = '') {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** @param {object} [limits] */
function connection(limits) {
  const socket = new FakeSocket();
  /** @type {any[]} */
  const seen = [];
  const listener = {
    onRequest: async (/** @type {string} */ method, /** @type {any} */ data) => {
      if (method === 'wrong') throw new Refused(404, 'no such thing', method);
      return { method, data };
    },
    onNotification: (/** @type {string} */ method, /** @type {any} */ data) => seen.push([method, data]),
    onClose: (/** @type {number} */ code, /** @type {string} */ reason) => seen.push(['closed', code, reason]),
  };
  return { socket, seen, protoo: new Protoo(/** @type {any} */ (socket), listener, limits) };
}

const turn = () => new Promise((done) => setImmediate(done));

test('only the three forms of protoo are messages', () => {
  assert.deepEqual(parseMessage('{"notification":true,"method":"newPeer"}'), { kind: 'notification', method: 'newPeer', data: {} });
  assert.deepEqual(parseMessage('{"request":true,"id":1,"method":"newConsumer","data":{"a":1}}'), { kind: 'request', id: 1, method: 'newConsumer', data: { a: 1 } });
  assert.deepEqual(parseMessage('{"response":true,"id":1,"ok":false,"errorCode":403,"errorReason":"no"}'), { kind: 'refusal', id: 1, code: 403, reason: 'no' });
  for (const wrong of ['', '[]', 'null', '1', '{"request":true,"method":"a"}', '{"request":true,"id":1}', '{"response":true,"id":"1"}', '{"notification":true}', '{"id":1}', new ArrayBuffer(2)]) {
    assert.equal(parseMessage(wrong), null, String(wrong));
  }
});

test('answers find their requests in any order', async () => {
  const { socket, protoo } = connection();
  socket.open();
  await protoo.opened;
  const [first, second] = [protoo.request('a', { x: 1 }), protoo.request('b')];
  assert.deepEqual(socket.sent, [
    { request: true, id: 1, method: 'a', data: { x: 1 } },
    { request: true, id: 2, method: 'b', data: {} },
  ]);
  socket.take({ response: true, id: 2, ok: true, data: { is: 'b' } });
  socket.take({ response: true, id: 99, ok: true });
  socket.take({ response: true, id: 1, ok: false, errorCode: 403, errorReason: 'the token does not grant it' });
  assert.deepEqual(await second, { is: 'b' });
  await assert.rejects(first, (error) => error instanceof Refused && error.code === 403 && error.message === 'the token does not grant it');
});

test('a request that nobody answers is lost after its time, and its late answer is nothing', async () => {
  const { socket, protoo } = connection({ requestTimeoutMs: 20 });
  socket.open();
  await assert.rejects(protoo.request('a'), (error) => error instanceof Lost && /did not answer a/.test(error.message));
  socket.take({ response: true, id: 1, ok: true });
});

test('requests of the server are answered with what the page says, or refused', async () => {
  const { socket } = connection();
  socket.open();
  socket.take({ request: true, id: 7, method: 'newConsumer', data: { id: 'c' } });
  socket.take({ request: true, id: 8, method: 'wrong' });
  await turn();
  assert.deepEqual(socket.sent, [
    { response: true, id: 7, ok: true, data: { method: 'newConsumer', data: { id: 'c' } } },
    { response: true, id: 8, ok: false, errorCode: 404, errorReason: 'no such thing' },
  ]);
});

test('a connection that ends takes its requests with it and says so once', async () => {
  const { socket, seen, protoo } = connection();
  socket.open();
  const open = protoo.request('a');
  socket.take({ notification: true, method: 'activeSpeaker', data: { peerId: null } });
  socket.end(4000, 'kicked: go');
  socket.end(1006);
  await assert.rejects(open, Lost);
  await assert.rejects(protoo.request('b'), Lost);
  assert.deepEqual(seen, [['activeSpeaker', { peerId: null }], ['closed', 4000, 'kicked: go']]);
});

test('whoever leaves is not told of the end', async () => {
  const { socket, seen, protoo } = connection();
  socket.open();
  protoo.close();
  socket.end(1000);
  assert.equal(socket.closedWith, 1000);
  assert.deepEqual(seen, []);
});

test('a server that does not open the connection is given up', async () => {
  const { seen, protoo } = connection({ openTimeoutMs: 20 });
  void protoo;
  await new Promise((done) => setTimeout(done, 40));
  assert.deepEqual(seen, [['closed', 1006, 'the server does not answer']]);
});

test('a refused WebSocket fails what waits for it', async () => {
  const { socket, protoo } = connection();
  const waits = assert.rejects(protoo.opened, Lost);
  socket.end(1006);
  await waits;
});

test('ICE is restarted when it fails, later when it may heal, and given up after some tries', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let restarts = 0;
    let given = 0;
    const keeper = new IceKeeper(async () => void (restarts += 1), () => (given += 1));
    keeper.handleState('disconnected');
    mock.timers.tick(DISCONNECT_GRACE_MS - 1);
    keeper.handleState('connected');
    mock.timers.tick(DISCONNECT_GRACE_MS);
    assert.equal(restarts, 0, 'it healed by itself');
    keeper.handleState('failed');
    assert.equal(restarts, 1);
    keeper.handleState('connected');
    mock.timers.tick(RESTART_WAIT_MS * 2);
    assert.equal(restarts, 1, 'it connected');
    keeper.handleState('failed');
    for (let waits = 0; waits < 10; waits += 1) mock.timers.tick(RESTART_WAIT_MS);
    assert.deepEqual([restarts, given], [1 + RESTARTS_MAX, 1]);
    keeper.handleState('failed');
    keeper.restart();
    assert.deepEqual([restarts, given], [1 + RESTARTS_MAX, 1], 'given up is final');
  } finally {
    mock.timers.reset();
  }
});
