// Stands in for the server while the recordings page is worked on: `node tests/fake/server.mjs [--port=1985] [--read-only] [--empty]`.
// It serves site/ and answers api/v1/recordings with made-up recordings whose pictures show the time. Needs ffmpeg.

import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

import { keyAt, movie, strip } from './media.mjs';
import { days, overview, protect, spansNow, timeline, unprotect } from './world.mjs';

const SITE = fileURLToPath(new URL('../../site/', import.meta.url));
const option = (name) => process.argv.find((word) => word === `--${name}` || word.startsWith(`--${name}=`));
const port = Number(option('port')?.split('=')[1] ?? 1985);
const readOnly = option('read-only') !== undefined;
const empty = option('empty') !== undefined;
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const json = (reply, value, status = 200) => reply.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
const moment = (text, other) => (text === null ? other : /^\d/.test(text) && !text.includes('-') ? Number(text) * 1000 : Date.parse(text));
const iso = (ms) => new Date(ms).toISOString();

async function file(request, reply, path, headers) {
  const { size } = await stat(path);
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  const all = { 'Content-Type': 'video/mp4', 'Accept-Ranges': 'bytes', 'Content-Length': to - from + 1, ...headers };
  if (range) all['Content-Range'] = `bytes ${from}-${to}/${size}`;
  reply.writeHead(range ? 206 : 200, all);
  if (request.method === 'HEAD') reply.end();
  else createReadStream(path, { start: from, end: to }).pipe(reply);
}

async function recordings(request, reply, url) {
  const rest = url.pathname.slice('/api/v1/recordings'.length).replace(/^\//, '');
  const query = url.searchParams;
  if (rest === '') return json(reply, empty ? { streams: [], storages: [] } : overview({ readOnly }));
  const names = ['front-door', 'garden', 'old/attic', 'yard/gate'];
  const decoded = decodeURIComponent(rest);
  const name = names.find((one) => decoded === one || decoded.startsWith(`${one}/`));
  if (!name) throw new Refusal(404, `there are no recordings of ${decoded}`);
  const verb = decoded.slice(name.length + 1);
  const from = moment(query.get('from'), 0);
  const to = moment(query.get('to'), Date.now());
  const spans = spansNow(name);
  const here = spans.filter((span) => span.from < to && span.to > from);
  if (['POST', 'DELETE'].includes(request.method) && readOnly) throw new Refusal(403, 'only this machine may change anything');
  if (verb === '') return json(reply, timeline(name, from, to));
  if (verb === 'days') return json(reply, days(name, Number(query.get('offset') ?? 0)));
  if (verb === 'segments') return json(reply, { segments: [{ id: 1, tracks: 'h264+aac' }], next: null });
  if (verb === 'export.mp4') {
    if (here.length === 0) throw new Refusal(404, 'nothing is recorded there');
    const start = keyAt(Math.max(from, here[0].from));
    const length = here.reduce((sum, span) => sum + Math.min(span.to, to) - Math.max(span.from, from), 0) + Math.max(0, from - start);
    const named = query.get('download') ? { 'Content-Disposition': `attachment; filename="${name.replace('/', '_')}.mp4"` } : {};
    return file(request, reply, await movie(start, length), { 'Aqueduct-From': iso(start), ...named });
  }
  if (verb === 'frame.mp4') {
    const at = keyAt(moment(query.get('at'), Date.now()));
    if (!spans.some((span) => span.from <= at + 2_000)) throw new Refusal(404, 'nothing is recorded before that');
    return file(request, reply, await movie(at, 200), { 'Aqueduct-From': iso(at) });
  }
  if (verb === 'strip.mp4') {
    if (here.length === 0) throw new Refusal(404, 'nothing is recorded there');
    const count = Number(query.get('count') ?? 60);
    const step = Math.max(2_000, Math.round((to - from) / count));
    const times = Array.from({ length: Math.max(1, Math.min(count, Math.floor((to - from) / step))) }, (_, n) => keyAt(from) + n * step);
    return file(request, reply, await strip(times[0], step, times.length), { 'Aqueduct-Times': times.join(',') });
  }
  if (verb === 'protect' && request.method === 'POST') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    return json(reply, { id: protect(name, JSON.parse(Buffer.concat(chunks).toString())) }, 201);
  }
  if (verb.startsWith('protect/') && request.method === 'DELETE') {
    unprotect(Number(verb.slice('protect/'.length)));
    return reply.writeHead(204).end();
  }
  throw new Refusal(404, `there is no ${verb}`);
}

async function handle(request, reply) {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname.startsWith('/api/v1/recordings')) return recordings(request, reply, url);
  if (url.pathname === '/api/v1/info') return json(reply, { name: 'aqueduct', version: 'fake', listeners: {} });
  if (url.pathname === '/api/v1/streams') {
    const names = ['front-door', 'garden', 'lobby', 'yard/gate'];
    const rest = { state: 'live', reason: null, since: iso(Date.now() - 7e6), tracks: [{ id: 0, kind: 'video', codec: 'H264', width: 1920, height: 1080, fps: 25 }], sources: [], publisher: null, readers: [], bytes_in: 1, bitrate_in: 2e6, units_in: 1 };
    return json(reply, { streams: names.map((name) => ({ name, ...rest })) });
  }
  if (url.pathname === '/api/v1/events') return reply.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': nothing happens here\n\n');
  if (url.pathname.startsWith('/api/')) throw new Refusal(404, '404 page not found');
  const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
  const body = await readFile(join(SITE, path)).catch(() => null);
  if (!body) throw new Refusal(404, '404 page not found');
  reply.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': POLICY, 'Cache-Control': 'no-cache' }).end(body);
}

createServer((request, reply) => {
  handle(request, reply).catch((error) => {
    const status = error.status ?? 500;
    if (status === 500) console.error(error);
    reply.writeHead(status, { 'Content-Type': 'text/plain' }).end(error.message);
  });
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}/recordings.html`));
