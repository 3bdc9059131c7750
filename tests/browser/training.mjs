// Training in the tab.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

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

/** Real digits, written by 43 people, as scikit-learn has them: 8 × 8 numbers of 0 to 16, and a label. */
async function digits(harness) {
  const file = await readFile(join(harness.setting("HADAL_TEST_DATA"), "sklearn/datasets/data/digits.csv.gz"));
  return gunzipSync(file).toString().trim().split("\n").map((line) => line.split(",").map(Number));
}

/** In the page: a network, and batches of rows of `digits` in the size that it sees. */
async function learner([backend, rows]) {
  const pixel = (row, at) => row[8 * Math.floor((Math.floor(at / 28) * 8) / 28) + Math.floor(((at % 28) * 8) / 28)] / 16;
  const images = rows.map((row) => Float32Array.from({ length: 28 * 28 }, (_, at) => pixel(row, at)));
  const trainer = await globalThis.hadal.DigitTrainer.create({ backend, seed: 42 });
  const gather = (places) => {
    const batch = new Float32Array(places.length * 28 * 28);
    places.forEach((place, i) => batch.set(images[place], i * 28 * 28));
    return batch;
  };
  globalThis.learner = { trainer, gather, label: (place) => rows[place][64] };
}

/** The first losses on real digits are those of the native cpu backend: `web/tests/digits.rs` checks the same file. */
async function real_losses({ harness, open }, backend) {
  const expected = JSON.parse(await readFile(new URL("../../web/tests/golden/losses_on_digits.json", import.meta.url), "utf8"));
  const page = await open();
  await page.evaluate(learner, [backend, (await digits(harness)).slice(0, 32 * expected.length)]);
  const got = await page.evaluate(async (steps) => {
    const { trainer, gather, label } = globalThis.learner;
    const losses = [];
    for (let step = 0; step < steps; step += 1) {
      const places = Array.from({ length: 32 }, (_, i) => 32 * step + i);
      losses.push(await trainer.step(gather(places), Int32Array.from(places, label)));
    }
    return losses;
  }, expected.length);
  const largest = Math.max(...expected.map((loss, i) => Math.abs(loss - got[i])));
  console.log(`  ${backend}: ${got.length} losses on real digits from ${got[0].toFixed(4)} to ${got.at(-1).toFixed(4)}, at most ${largest.toExponential(1)} from native's`);
  assert.ok(got.length === 20 && largest <= 1e-3, `${got} instead of ${expected}`);
}

export const losses_on_real_digits_equal_native_on_cpu = (test) => real_losses(test, "cpu");
export const losses_on_real_digits_equal_native_on_wgpu = (test) => real_losses(test, "wgpu");

/** From chance to more than 90 % of digits that were held back, within a minute. */
export const real_digits_are_learnt_within_a_minute = async ({ harness, open }) => {
  const rows = await digits(harness);
  const page = await open();
  await page.evaluate(learner, ["cpu", rows]);
  const { before, after, steps, seconds } = await page.evaluate(
    async ([learned, all]) => {
      const { trainer, gather, label } = globalThis.learner;
      const held = Array.from({ length: all - learned }, (_, i) => learned + i);
      const accuracy = async () => {
        const probabilities = await trainer.probabilities(gather(held));
        const right = held.filter((place, i) => {
          const row = probabilities.subarray(10 * i, 10 * i + 10);
          return row.indexOf(Math.max(...row)) === label(place);
        });
        return right.length / held.length;
      };
      const before = await accuracy();
      const start = performance.now();
      const seconds = () => (performance.now() - start) / 1000;
      let [after, steps] = [before, 0];
      while (after <= 0.9 && seconds() < 60) {
        for (let i = 0; i < 20; i += 1, steps += 1) {
          const places = Array.from({ length: 32 }, (_, j) => (steps * 32 + j) % learned);
          await trainer.step(gather(places), Int32Array.from(places, label));
        }
        after = await accuracy();
      }
      return { before, after, steps, seconds: seconds() };
    },
    [1500, rows.length],
  );
  console.log(`  ${(100 * before).toFixed(0)} % of 297 real digits that were held back, then ${(100 * after).toFixed(1)} % after ${steps} steps and ${seconds.toFixed(1)} s on cpu`);
  assert.ok(before < 0.2 && after > 0.9, `${before} to ${after}`);
};
