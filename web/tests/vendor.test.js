import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { bundle } from '../vendor.mjs';

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const code = readFileSync(here('../site/vendor/mediasoup-client.js'), 'utf8');
const record = JSON.parse(readFileSync(here('../vendor.json'), 'utf8'));
const lock = JSON.parse(readFileSync(here('../package-lock.json'), 'utf8'));

/** Where `npm ci` was run: here by hand, or beside the other peers by `cargo xtask test --install`. */
const installed = ['../', '../../target/peers/web/'].map(here).concat(process.env.AQUEDUCT_PEERS ? [`${process.env.AQUEDUCT_PEERS}/web/`] : []);
const folder = installed.find((place) => ['esbuild', 'mediasoup-client'].every((name) => existsSync(`${place}node_modules/${name}`)));

test('the vendored file is the one that was recorded', () => {
  assert.equal(createHash('sha256').update(code).digest('hex'), record.sha256);
});

test('the vendored file is made from the versions that the lock file names', () => {
  for (const [name, version] of Object.entries(record.packages)) {
    assert.equal(lock.packages[`node_modules/${name}`].version, version, name);
  }
  assert.equal(record.made_by, `esbuild ${lock.packages['node_modules/esbuild'].version}`);
});

test('the licence of each vendored package lies beside it', () => {
  const licences = readFileSync(here('../site/vendor/mediasoup-client.LICENSES.txt'), 'utf8');
  for (const [name, version] of Object.entries(record.packages)) {
    assert.ok(licences.includes(`==== ${name} ${version} (${lock.packages[`node_modules/${name}`].license}) ====`), name);
  }
});

test('nothing in the vendored file needs what the policy of the page forbids', () => {
  assert.doesNotMatch(code, /\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(|setTimeout\(\s*["'`]|\bimport\s*\(|importScripts|<script/);
});

test('the vendored file is what the script makes of the published packages', { skip: folder ? false : 'needs npm ci' }, async () => {
  const made = await bundle(/** @type {string} */ (folder));
  assert.equal(made.code, code);
  assert.deepEqual(made.record, record);
  assert.equal(made.licences, readFileSync(here('../site/vendor/mediasoup-client.LICENSES.txt'), 'utf8'));
});
