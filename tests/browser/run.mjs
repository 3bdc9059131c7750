// `node run.mjs [TEST…]`: the tests of the npm package in a headless Chromium; `cargo xtask browser` says where everything is.

import { Harness } from "./harness.mjs";
import * as cases from "./cases.mjs";
import * as demos from "./demos.mjs";
import * as interface_ from "./interface.mjs";
import * as loading from "./loading.mjs";
import * as minilm from "./minilm.mjs";
import * as packed from "./packed.mjs";
import * as streaming from "./streaming.mjs";
import * as threads from "./threads.mjs";
import * as training from "./training.mjs";

// The longest first: two run at a time.
const files = { interface: interface_, packed, threads, demos, cases, loading, minilm, streaming, training };
const chosen = process.argv.slice(2);
const queue = Object.entries(files)
  .map(([file, tests]) => Object.entries(tests).map(([name, test]) => [`${file} ${name.replaceAll("_", " ")}`, test]))
  .map((tests) => tests.filter(([name]) => chosen.length === 0 || chosen.some((start) => name.startsWith(start))))
  .filter((tests) => tests.length > 0);

/** Takes files until none is left, with a browser and a server of its own: tests of one file run in order, those of two files do not see each other. */
async function lane() {
  const harness = await Harness.start();
  for (let tests = queue.shift(); tests !== undefined; tests = queue.shift()) {
    for (const [name, test] of tests) await harness.run(name, test);
  }
  return await harness.end();
}

const LANES = 2;
const counts = await Promise.all(Array.from({ length: Math.min(LANES, queue.length) }, lane));
const [passed, failed] = [0, 1].map((at) => counts.reduce((sum, count) => sum + count[at], 0));
const ok = failed === 0 && passed > 0;
console.log(`test result: ${ok ? "ok" : "FAILED"}. ${passed} passed; ${failed} failed`);
process.exit(ok ? 0 : 1);
