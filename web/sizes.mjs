// `node sizes.mjs PACKAGE`: bytes of the package's files, as they are and as a server sends them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = join(process.argv[2], "dist");
const files = readdirSync(folder, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name));
/** No page fetches all: with threads it is one module, without them the other. */
const fetched = { "without threads": /hadal_(threads_bg|relaxed_shared)\.wasm$|helper\.js$/, "with threads": /hadal_(web_bg|relaxed)\.wasm$/, all: /^$/ };
const sums = Object.fromEntries(Object.keys(fetched).map((who) => [who, { plain: 0, gzip: 0, brotli: 0 }]));
console.log(`${"file".padEnd(28)} ${"bytes".padStart(10)} ${"gzip".padStart(10)} ${"brotli".padStart(10)}`);
for (const name of files.sort()) {
  const bytes = readFileSync(join(folder, name));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
  const row = { plain: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes, { params }).length };
  for (const [who, others] of Object.entries(fetched)) {
    if (!others.test(name)) for (const key of Object.keys(row)) sums[who][key] += row[key];
  }
  print(name, row);
}
for (const [who, sum] of Object.entries(sums)) print(who, sum);

function print(name, row) {
  console.log([name.padEnd(28), ...Object.values(row).map((n) => String(n).padStart(10))].join(" "));
}
