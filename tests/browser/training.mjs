// Training in the tab.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";

/** The first losses of a made-up task are those that the native cpu backend had; `web/tests/digits.rs` checks the same file. */
async function losses({ open }, backend) {
  const expected = JSON.parse(await readFile(new URL("../../web/tests/golden/losses_on_bars.json", import.meta.url), "utf8"));
  const page = await open();
  const got = await page.evaluate(
    async ([backend, steps]) => {
      const module = await import("/hadal/dist/wasm/hadal_web.js");
      await module.default({ module_or_path: "/hadal/dist/wasm/hadal_web_bg.wasm" });
      const engine = await module.Engine.open(backend, false, 0);
      return Array.from(await module.losses(engine, steps));
    },
    [backend, expected.length],
  );
  const largest = Math.max(...expected.map((loss, i) => Math.abs(loss - got[i])));
  console.log(`  ${backend}: ${got.length} losses from ${got[0].toFixed(4)} to ${got.at(-1).toFixed(4)}, at most ${largest.toExponential(1)} from native's`);
  assert.ok(largest <= 1e-3, `${got} instead of ${expected}`);
}

export const losses_equal_native_on_cpu = (test) => losses(test, "cpu");
export const losses_equal_native_on_wgpu = (test) => losses(test, "wgpu");
