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

const files = { cases, demos, interface: interface_, loading, minilm, packed, streaming, threads, training };
const chosen = process.argv.slice(2);
const harness = await Harness.start();
for (const [file, tests] of Object.entries(files)) {
  for (const [name, test] of Object.entries(tests)) {
    const full = `${file} ${name.replaceAll("_", " ")}`;
    if (chosen.length === 0 || chosen.some((start) => full.startsWith(start))) await harness.run(full, test);
  }
}
process.exit(await harness.end());
