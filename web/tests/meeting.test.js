import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ChatLog, decodeChat, encodeChat, KEPT_MAX, TEXT_MAX } from '../site/meeting/chat.js';
import { cameraEncodings, pickCodec, screenEncodings } from '../site/meeting/encodings.js';
import { layerCounts, preferredLayers, sameLayers } from '../site/meeting/layers.js';
import { GAP, gridLayout, largeTile, TILE_WIDTH_MIN, tileOrder } from '../site/meeting/layout.js';
import { Receiving } from '../site/meeting/receiving.js';
import { Roster } from '../site/meeting/roster.js';
import { lookAtReceived, lookAtSent, tileStats } from '../site/meeting/stats.js';
import { EXPIRED, mayPublish, readToken, tokenInFragment, tokenProblem } from '../site/meeting/token.js';
import { actionText, captureText, closeEnding, refusalEnding, roomProblem } from '../site/meeting/words.js';

/** @param {object} claims */
function token(claims) {
  const part = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

test('a grid uses the place it has, and never lets a tile out of it', () => {
  assert.deepEqual(gridLayout(1, 1600, 900), { columns: 1, rows: 1, tileWidth: 1600, tileHeight: 900, scrolls: false });
  assert.equal(gridLayout(2, 1600, 900).columns, 2);
  assert.equal(gridLayout(2, 390, 700).columns, 1, 'on a phone one stands above the other');
  assert.equal(gridLayout(4, 1600, 900).columns, 2);
  for (let count = 1; count <= 60; count += 1) {
    const { columns, rows, tileWidth, tileHeight, scrolls } = gridLayout(count, 1280, 720);
    assert.ok(columns * rows >= count);
    assert.ok(columns * tileWidth + (columns - 1) * GAP <= 1280);
    if (!scrolls) assert.ok(rows * tileHeight + (rows - 1) * GAP <= 720, `${count}`);
  }
});

test('tiles that would become too small scroll instead', () => {
  const { scrolls, tileWidth, columns } = gridLayout(200, 800, 600);
  assert.ok(scrolls && tileWidth >= TILE_WIDTH_MIN && columns >= 4);
  assert.equal(gridLayout(3, 0, 0).columns, 1, 'a stage that is not shown yet');
});

test('the large tile is what was pinned, then a screen, then who speaks, then who was before', () => {
  const tile = (/** @type {string} */ key, source = 'camera', own = false) => ({ key, peerId: key, own, source });
  const tiles = [tile('own', 'camera', true), tile('ann'), tile('ben')];
  const wish = { pinned: null, speaker: null, before: null };
  assert.equal(largeTile(tiles, wish), 'ann');
  assert.equal(largeTile(tiles, { ...wish, before: 'ben' }), 'ben');
  assert.equal(largeTile(tiles, { ...wish, before: 'ben', speaker: 'ann' }), 'ann');
  assert.equal(largeTile(tiles, { ...wish, speaker: 'own' }), 'ann', 'nobody wants to look at oneself');
  assert.equal(largeTile([...tiles, tile('s', 'screen')], { ...wish, speaker: 'ann' }), 's');
  assert.equal(largeTile(tiles, { ...wish, pinned: 'own', speaker: 'ann' }), 'own');
  assert.equal(largeTile([tile('own', 'camera', true)], wish), 'own');
  assert.equal(largeTile([], wish), null);
  assert.deepEqual(tileOrder([...tiles, tile('s', 'screen')]).map(({ key }) => key), ['s', 'ann', 'ben', 'own']);
});

test('layers are counted from the scalability mode', () => {
  assert.deepEqual(layerCounts('L3T3'), { spatial: 3, temporal: 3 });
  assert.deepEqual(layerCounts('L2T3_KEY'), { spatial: 2, temporal: 3 });
  assert.deepEqual(layerCounts('S3T1'), { spatial: 3, temporal: 1 });
  assert.deepEqual(layerCounts(undefined), { spatial: 1, temporal: 1 });
});

test('a tile gets the lowest layer that it does not stretch much', () => {
  const tile = { sentHeight: 720, counts: { spatial: 3, temporal: 3 }, quality: /** @type {const} */ ('auto'), current: null };
  const layer = (/** @type {number} */ height, more = {}) => preferredLayers({ ...tile, ...more, height }).spatialLayer;
  assert.deepEqual([100, 180, 225, 226, 360, 450, 451, 720, 2160].map((height) => layer(height)), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
  assert.equal(layer(200, { sentHeight: 360 }), 1, 'a picture that is sent smaller has smaller layers');
  assert.equal(preferredLayers({ ...tile, height: 90 }).temporalLayer, 1);
  assert.equal(preferredLayers({ ...tile, height: 200 }).temporalLayer, 2);
});

test('a layer in use is not left for the smaller one at the first pixel', () => {
  const tile = { sentHeight: 720, counts: { spatial: 3, temporal: 3 }, quality: /** @type {const} */ ('auto') };
  assert.equal(preferredLayers({ ...tile, height: 440, current: 2 }).spatialLayer, 2);
  assert.equal(preferredLayers({ ...tile, height: 390, current: 2 }).spatialLayer, 1);
});

test('what a person asks for counts more than the size', () => {
  const tile = { height: 90, sentHeight: 720, counts: { spatial: 3, temporal: 3 }, current: null };
  assert.deepEqual(preferredLayers({ ...tile, quality: 'high' }), { spatialLayer: 2, temporalLayer: 2 });
  assert.deepEqual(preferredLayers({ ...tile, quality: 'medium' }), { spatialLayer: 1, temporalLayer: 2 });
  assert.deepEqual(preferredLayers({ ...tile, quality: 'low', height: 2000 }), { spatialLayer: 0, temporalLayer: 2 });
  assert.ok(sameLayers(null, null) && !sameLayers(null, { spatialLayer: 0, temporalLayer: 0 }));
});

test('a hidden tile is paused, and the server is not asked with each pixel', async () => {
  /** @type {string[]} */
  const asked = [];
  const receiving = new Receiving(async (method, data) => void asked.push(`${method} ${JSON.stringify(data)}`));
  const medium = new Roster().addMedium({ id: 'c', producerId: 'p', peerId: 'ann', kind: 'video', rtpParameters: { encodings: [{ scalabilityMode: 'L3T3' }] }, appData: { height: 720 } }, null);
  for (let height = 700; height <= 720; height += 1) receiving.show(medium, { visible: true, height, quality: 'auto' });
  receiving.show(medium, { visible: false, height: 0, quality: 'auto' });
  assert.deepEqual(asked, ['setConsumerPreferredLayers {"consumerId":"c","spatialLayer":2,"temporalLayer":2}']);
  await new Promise((done) => setTimeout(done, 350));
  assert.deepEqual(asked.slice(1), ['pauseConsumer {"consumerId":"c"}'], 'and the layers are left as they are');
  receiving.show(medium, { visible: true, height: 100, quality: 'auto' });
  assert.deepEqual(asked.slice(2), ['setConsumerPreferredLayers {"consumerId":"c","spatialLayer":0,"temporalLayer":1}', 'resumeConsumer {"consumerId":"c"}']);
  assert.deepEqual(receiving.asked('c'), { paused: false, layers: { spatialLayer: 0, temporalLayer: 1 } });
  receiving.close();
  assert.equal(receiving.asked('c'), null);
});

test('cameras are sent in as many layers as their size is worth', () => {
  const simulcast = cameraEncodings('vp8', 720);
  assert.deepEqual(simulcast.map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]), [['r0', 4], ['r1', 2], ['r2', 1]]);
  assert.ok(simulcast.every(({ maxBitrate = 0 }, at) => at === 0 || maxBitrate > (simulcast[at - 1]?.maxBitrate ?? 0)));
  assert.equal(cameraEncodings('vp8', 480).length, 2);
  assert.equal(cameraEncodings('vp8', 240).length, 1);
  assert.deepEqual(cameraEncodings('vp9', 720).map((one) => /** @type {any} */ (one).scalabilityMode), ['L3T3']);
  assert.equal(screenEncodings().length, 1);
});

test('the codec that was chosen is taken if both sides have it', () => {
  const [vp8, vp9] = [{ mimeType: 'video/VP8' }, { mimeType: 'video/VP9' }];
  assert.deepEqual(pickCodec([vp8, vp9], 'vp9'), { codec: vp9, chosen: 'vp9' });
  assert.deepEqual(pickCodec([vp8], 'vp9'), { codec: vp8, chosen: 'vp8' });
  assert.deepEqual(pickCodec([{ mimeType: 'video/H264' }], 'vp9'), { codec: undefined, chosen: 'vp8' });
});

test('chat carries text as it is, and takes plain text of others', () => {
  assert.equal(decodeChat(encodeChat('  hello <b>"you"</b> 👋 ')), 'hello <b>"you"</b> 👋');
  assert.equal(decodeChat('just text'), 'just text');
  assert.equal(decodeChat(new TextEncoder().encode('{"text":"bytes"}').buffer), 'bytes');
  assert.equal(decodeChat('{"other":1}'), '{"other":1}');
  assert.equal(decodeChat(7), '');
  assert.equal([...decodeChat('👋'.repeat(TEXT_MAX + 10))].length, TEXT_MAX);
  const log = new ChatLog();
  for (let at = 0; at < KEPT_MAX + 5; at += 1) log.add({ peerId: 'a', name: 'A', own: false, text: `${at}`, atMs: at });
  assert.equal(log.lines.length, KEPT_MAX);
  assert.equal(log.lines[0]?.text, '5');
});

test('rates come from two looks, and a new stream has none yet', () => {
  const reports = (/** @type {object} */ more) => [
    { type: 'codec', id: 'k', mimeType: 'video/VP8' },
    { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.012 },
    { type: 'inbound-rtp', codecId: 'k', bytesReceived: 1000, framesDecoded: 10, packetsReceived: 100, packetsLost: 2, frameWidth: 640, frameHeight: 360, ...more },
  ];
  const first = lookAtReceived(reports({}), 1000);
  const second = lookAtReceived(reports({ bytesReceived: 126_000, framesDecoded: 70, packetsReceived: 190, packetsLost: 12 }), 3000);
  assert.deepEqual(tileStats(first, second), { width: 640, height: 360, codec: 'VP8', rttMs: 12, sending: [], frames: 70, fps: 30, bitrate: 500_000, lossPercent: 10 });
  assert.equal(tileStats(null, first).fps, null);
  assert.equal(tileStats(second, first).bitrate, null, 'counters that went back belong to another stream');
  assert.equal(tileStats(second, { ...second, atMs: 4000 }).lossPercent, null, 'without packets nothing is lost');
  assert.equal(tileStats(second, { ...second, atMs: 4000, packets: 200, lost: 10 }).lossPercent, 0, 'a late packet makes the loss smaller');
});

test('what is sent is told by its layers, and its loss by the other side', () => {
  const layer = (/** @type {number} */ height) => ({ type: 'outbound-rtp', bytesSent: height * 100, framesEncoded: 50, packetsSent: 10, frameWidth: height * 2, frameHeight: height, framesPerSecond: 30, codecId: 'k' });
  const look = lookAtSent([layer(720), layer(180), layer(360), { type: 'remote-inbound-rtp', roundTripTime: 0.02, fractionLost: 0.05 }, { type: 'codec', id: 'k', mimeType: 'video/VP9' }], 0);
  assert.deepEqual(look.sending, ['180p', '360p', '720p']);
  const stats = tileStats(null, look);
  assert.deepEqual([stats.height, stats.rttMs, stats.lossPercent, stats.codec], [720, 20, 5, 'VP9']);
});

test('a token tells what need not be typed, and that it is too old', () => {
  const text = token({ sub: 'ann', name: 'Ann Björk', exp: 1000, grants: { room: 'daily' } });
  assert.deepEqual(readToken(text), { identity: 'ann', name: 'Ann Björk', room: 'daily', expiresMs: 1_000_000 });
  assert.equal(readToken(token({ grants: { room: '*' } }))?.room, '');
  for (const wrong of ['', 'a.b', 'a.b.c', `${token({})}.d`, 'x.bnVsbA.y']) assert.equal(readToken(wrong), null, wrong);
  assert.equal(tokenProblem(text, 1_029_000), null, 'the server has a leeway');
  assert.equal(tokenProblem(text, 1_031_000), EXPIRED);
  assert.equal(tokenProblem('', 0), null, 'a server without keys needs none');
  assert.match(tokenProblem('abc', 0) ?? '', /no token/);
});

test('a token is found in the fragment, and nothing else is taken for one', () => {
  const text = token({ sub: 'ann' });
  assert.equal(tokenInFragment(`#token=${text}`), text);
  assert.equal(tokenInFragment(`#${text}`), text);
  assert.equal(tokenInFragment('#main'), '');
  assert.equal(tokenInFragment(''), '');
});

test('a grant to publish may be limited to kinds and sources', () => {
  assert.ok(mayPublish(true, 'video', 'camera'));
  assert.ok(!mayPublish(false, 'video', 'camera') && !mayPublish(undefined, 'audio', 'microphone'));
  assert.ok(mayPublish({ kinds: ['audio'] }, 'audio', 'microphone') && !mayPublish({ kinds: ['audio'] }, 'video', 'camera'));
  assert.ok(!mayPublish({ sources: ['screen'] }, 'video', 'camera'));
});

test('every end says what to do, and only those that can heal are tried again', () => {
  assert.deepEqual(closeEnding(4000, 'kicked: be nice'), { text: 'You were removed from the meeting: Be nice.', again: false, askToken: false });
  assert.match(closeEnding(4000, 'replaced: the same identity came again').text, /somewhere else/);
  assert.equal(closeEnding(4000, 'room closed: ').text, 'The meeting was ended.');
  assert.deepEqual(closeEnding(4000, 'refused: the token has expired'), { text: EXPIRED, again: false, askToken: true });
  assert.ok(closeEnding(1013, 'room full: 2 of 2').text.startsWith('The room is full.') && closeEnding(1013, 'room full: 2 of 2').again);
  for (const code of [1001, 1006, 1011, 1013]) assert.ok(closeEnding(code, '').again, `${code}`);
  for (const code of [1003, 1007, 1009]) assert.ok(!closeEnding(code, 'binary').again, `${code}`);
});

test('a refusal asks for another token only where that helps', () => {
  assert.equal(refusalEnding(401, 'the token expired 5 minutes ago').text, EXPIRED);
  assert.ok(refusalEnding(401, 'there is no token').askToken && refusalEnding(403, 'another room').askToken);
  assert.ok(!refusalEnding(409, 'the identity is taken').askToken && !refusalEnding(409, 'the identity is taken').again);
  assert.ok(refusalEnding(429, 'rooms_max').again && refusalEnding(503, '').again);
  assert.match(refusalEnding(404, '').text, /rooms\.listen/);
  assert.equal(actionText(403, 'the token does not grant publishing video'), 'You may not do this here: The token does not grant publishing video.');
});

test('a device that cannot be opened is told with what to do about it', () => {
  const error = (/** @type {string} */ name) => Object.assign(new Error('x'), { name });
  assert.match(captureText('camera', error('NotAllowedError')), /Allow it .* switch the camera on/);
  assert.match(captureText('microphone', error('NotFoundError')), /no microphone .* join without/);
  assert.match(captureText('camera', error('NotReadableError')), /Another program/);
  assert.match(captureText('screen', error('NotAllowedError')), /nothing was chosen/);
  assert.match(captureText('camera', error('OverconstrainedError')), /Choose another/);
  assert.equal(roomProblem('daily-1'), null);
  assert.match(roomProblem('a b') ?? '', /without spaces/);
  assert.match(roomProblem('') ?? '', /Which room/);
});

test('the roster follows who comes, sends, mutes and leaves', () => {
  const roster = new Roster();
  roster.handleNotification('newPeer', { id: 'ann', displayName: 'Ann' });
  const medium = { producerId: 'p', peerId: 'ann', rtpParameters: { encodings: [{ scalabilityMode: 'L3T3' }] } };
  roster.addMedium({ ...medium, id: 'v', kind: 'video', appData: { source: 'camera', height: 720 } }, null);
  roster.addMedium({ ...medium, id: 'a', kind: 'audio', appData: {}, producerPaused: true }, null);
  roster.addMedium({ ...medium, id: 's', producerId: 'q', kind: 'video', appData: { source: 'screen' } }, null);
  assert.deepEqual(roster.tiles().map(({ key, muted }) => [key, muted]), [['ann', true], ['ann/screen/q', true]]);
  assert.ok(roster.handleNotification('consumerResumed', { consumerId: 'a' }));
  assert.equal(roster.tiles()[0]?.muted, false);
  roster.handleNotification('consumerLayersChanged', { consumerId: 'v', spatialLayer: 1, temporalLayer: 2 });
  assert.deepEqual(roster.media.get('v')?.current, { spatialLayer: 1, temporalLayer: 2 });
  roster.handleNotification('consumerLayersChanged', { consumerId: 'v', spatialLayer: null, temporalLayer: null });
  assert.equal(roster.media.get('v')?.current, null);
  roster.handleNotification('consumerClosed', { consumerId: 's' });
  roster.handleNotification('activeSpeaker', { peerId: 'ann' });
  assert.equal(roster.tiles().length, 1);
  assert.ok(!roster.handleNotification('somethingNew', {}));
  assert.ok(roster.handleNotification('peerClosed', { peerId: 'ann' }));
  assert.deepEqual([roster.media.size, roster.tiles().length, roster.speaker], [0, 0, null]);
});
