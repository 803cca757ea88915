// Makes site/vendor/ from the packages that package-lock.json names: `npm run vendor`. What is published is bundled into one
// ES module, nothing of it is changed. `vendor.json` records what it was made from; tests/vendor.test.js compares.

import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'mediasoup-client';
const SITE = fileURLToPath(new URL('site/vendor/', import.meta.url));
const RECORD = fileURLToPath(new URL('vendor.json', import.meta.url));

/** What the bundle exports: all of the package but what only its own tests need. */
const EXPORTS = ['Device', 'detectDevice', 'detectDeviceAsync', 'parseScalabilityMode', 'ortc', 'enhancedEvents', 'debug', 'version'];

/**
 * Bundles the package that is installed in `folder/node_modules`.
 * @param {string} folder
 * @returns {Promise<{ code: string, licences: string, record: object }>}
 */
export async function bundle(folder) {
  const require = createRequire(path.join(folder, 'anchor.cjs'));
  const esbuild = require('esbuild');
  const result = await esbuild.build({
    stdin: { contents: `export { ${EXPORTS.join(', ')} } from '${NAME}';`, resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    charset: 'utf8',
    banner: { js: `// ${NAME} ${version(require, NAME)}, unmodified. Licences: ${NAME}.LICENSES.txt. Made by \`npm run vendor\`.\n// @ts-nocheck` },
  });
  const code = result.outputFiles[0].text;
  const names = Object.keys(result.metafile.inputs).map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(input)?.[1]);
  const packages = [...new Set(names.filter((name) => name !== undefined))].sort();
  const texts = await Promise.all(packages.map((name) => licence(folder, name)));
  const made = Object.fromEntries(packages.map((name) => [name, version(require, name)]));
  const sha256 = createHash('sha256').update(code).digest('hex');
  return { code, licences: texts.join('\n'), record: { made_by: `esbuild ${esbuild.version}`, packages: made, sha256 } };
}

/** @param {NodeRequire} require @param {string} name */
function version(require, name) {
  return require(`./node_modules/${name}/package.json`).version;
}

/** @param {string} folder @param {string} name */
async function licence(folder, name) {
  const place = path.join(folder, 'node_modules', name);
  const file = (await readdir(place)).find((one) => /^licen[cs]e(\.|$)/i.test(one));
  if (!file) throw new Error(`${name} comes without a licence`);
  const { version, license } = JSON.parse(await readFile(path.join(place, 'package.json'), 'utf8'));
  return `==== ${name} ${version} (${license}) ====\n\n${(await readFile(path.join(place, file), 'utf8')).trim()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { code, licences, record } = await bundle(fileURLToPath(new URL('.', import.meta.url)));
  await mkdir(SITE, { recursive: true });
  await writeFile(path.join(SITE, `${NAME}.js`), code);
  await writeFile(path.join(SITE, `${NAME}.LICENSES.txt`), licences);
  await writeFile(RECORD, `${JSON.stringify(record, null, 2)}\n`);
}
