import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SseParser } from '../site/control/sse.js';

const TEXT = ': hello\n\nevent: stream.live\ndata: {"a":1}\nid: 7\n\ndata:one\ndata: two\n\nevent: nothing\n\n';
const EVENTS = [{ event: 'stream.live', data: '{"a":1}' }, { event: 'message', data: 'one\ntwo' }];

test('events come out whole, however the text was cut', () => {
  for (const text of [TEXT, TEXT.replaceAll('\n', '\r\n'), TEXT.replaceAll('\n', '\r') + '\n']) {
    for (let size = 1; size <= text.length; size += 1) {
      const parser = new SseParser();
      const events = [];
      for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
      assert.deepEqual(events, EVENTS, `pieces of ${size}`);
    }
  }
});

test('an event that is not finished yet is kept back', () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push('data: a\n'), []);
  assert.deepEqual(parser.push('\n'), [{ event: 'message', data: 'a' }]);
});

test('an endless event is refused instead of filling the memory', () => {
  const parser = new SseParser();
  assert.throws(() => {
    for (;;) parser.push('data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n'.repeat(100));
  }, /longer than/);
});
