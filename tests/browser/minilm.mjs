// MiniLM in the tab gives what the native command gives.

import { strict as assert } from "node:assert";
import { native, TEXTS } from "./native.mjs";

async function compare({ harness, open }, backend, url, model, texts = TEXTS) {
  const expected = await native(harness, texts, model);
  const page = await open();
  const { got, used, times } = await page.evaluate(
    async ([backend, url, texts]) => {
      const { Model } = globalThis.hadal;
      const start = performance.now();
      const model = await Model.load(url, { backend });
      const loaded = performance.now();
      const got = (await model.embed(texts)).map((vector) => Array.from(vector));
      const first = performance.now();
      await model.embed(texts);
      const times = { load: loaded - start, first: first - loaded, second: performance.now() - first };
      return { got, used: model.backend, times };
    },
    [backend, url, texts],
  );
  assert.equal(used, backend);
  const largest = Math.max(...expected.flatMap((vector, i) => vector.map((value, j) => Math.abs(value - got[i][j]))));
  console.log(`  ${model} on ${backend}: differs by at most ${largest.toExponential(1)}; load ${times.load.toFixed(0)} ms, first ${times.first.toFixed(0)} ms, second ${times.second.toFixed(0)} ms`);
  assert.ok(largest <= 1e-3, `the largest difference is ${largest}`);
}

export const equals_native_on_cpu = (test) => compare(test, "cpu", "/models/minilm/model.safetensors", "minilm");
export const equals_native_on_wgpu = (test) => compare(test, "wgpu", "/models/minilm/model.safetensors", "minilm", TEXTS.slice(0, 2));
export const int8_from_onnx_equals_native_on_cpu = (test) => compare(test, "cpu", "/models/minilm-int8/model.onnx", "minilm-int8");

/** From `load` to the first vector on a second visit, with all that a page keeps. The figure is printed; machines are too different for a limit. */
export const first_result_from_a_warm_cache = async ({ open }) => {
  const page = await open();
  const visit = () =>
    page.evaluate(async () => {
      const { Model } = await import("/hadal/dist/index.js");
      const start = performance.now();
      const model = await Model.load("/models/minilm/model.safetensors", { backend: "cpu" });
      const loaded = performance.now();
      const [vector] = await model.embed(["The cat sleeps on the warm windowsill."]);
      return { cached: model.cached, load: loaded - start, total: performance.now() - start, width: vector.length };
    });
  await visit();
  await page.reload();
  const warm = await visit();
  console.log(`  the first vector ${(warm.total / 1000).toFixed(2)} s after load (${(warm.load / 1000).toFixed(2)} s of it loading), from the cache`);
  assert.ok(warm.cached && warm.width === 384);
};
