// Fused graphs and op cases, in the page's own thread, against the reference in the same module.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";

/** Of the op cases on WebGPU every so manieth runs: a software GPU takes minutes for all of them. `HADAL_BROWSER_ALL=1` runs all. */
const SHARE = process.env.HADAL_BROWSER_ALL === "1" ? 1 : 16;

/** The number of op cases, and those that a browser cannot run: `tests/browser/tests/cases.rs` compares the number with native's. */
const expected = JSON.parse(await readFile(new URL("op_cases.json", import.meta.url), "utf8"));

/** Cases after which a page makes way for a fresh one: a device keeps all kernels it compiled, and those of all cases are more than a software GPU holds. */
const TOGETHER = 128;

async function check({ open }, backend, set, share = 1) {
  const start = Date.now();
  const results = [];
  let [device, count] = ["", Infinity];
  for (let first = 0; first < count; first += share * TOGETHER) {
    const page = await open();
    const part = await page.evaluate(
      async ([backend, set, share, first, together]) => {
        const module = await import("/hadal/dist/wasm/hadal_web.js");
        await module.default({ module_or_path: "/hadal/dist/wasm/hadal_web_bg.wasm" });
        const checks = await module.Checks.open(backend, set);
        const results = [];
        const end = Math.min(checks.count, first + share * together);
        for (let at = first; at < end; at += share) results.push(...JSON.parse(await checks.run(at, at + 1)));
        return { device: checks.device, count: checks.count, results };
      },
      [backend, set, share, first, TOGETHER],
    );
    await page.close();
    ({ device, count } = part);
    results.push(...part.results);
  }
  const failures = results.filter((result) => result.failure !== null);
  console.log(`  ${device}: ${results.length} of ${count} ${set} cases, ${failures.length} refused, in ${Date.now() - start} ms`);
  const refused = set === "ops" ? expected[backend].refused : [];
  const unexpected = failures.filter((result) => !refused.includes(result.name));
  assert.deepEqual(unexpected, [], `${unexpected.length} of ${results.length} failed`);
  const stale = results.filter((result) => result.failure === null && refused.includes(result.name));
  assert.deepEqual(stale, [], "these cases are listed as refused, but hold");
  if (set === "ops") assert.equal(count, expected[backend].count);
}

export const fused_graphs_on_cpu = (test) => check(test, "cpu", "fused");
export const fused_graphs_on_wgpu = (test) => check(test, "wgpu", "fused");
export const op_cases_on_cpu = (test) => check(test, "cpu", "ops");
export const op_cases_on_wgpu = (test) => check(test, "wgpu", "ops", SHARE);
