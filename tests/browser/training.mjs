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

const PIXELS = 28 * 28;

/** Real digits, written by 43 people, as scikit-learn has them (8 × 8 numbers of 0 to 16 and a label), in the network's size. */
async function digits(harness) {
  const file = await readFile(join(harness.setting("HADAL_TEST_DATA"), "sklearn/datasets/data/digits.csv.gz"));
  const rows = gunzipSync(file).toString().trim().split("\n").map((line) => line.split(",").map(Number));
  const pixel = (row, at) => row[8 * Math.floor((Math.floor(at / 28) * 8) / 28) + Math.floor(((at % 28) * 8) / 28)] / 16;
  return { images: rows.map((row) => Array.from({ length: PIXELS }, (_, at) => pixel(row, at))), labels: rows.map((row) => row[64]) };
}

/** The first losses on real digits are those of the native cpu backend: `web/tests/digits.rs` checks the same file. */
async function real_losses({ harness, open }, backend) {
  const expected = JSON.parse(await readFile(new URL("../../web/tests/golden/losses_on_digits.json", import.meta.url), "utf8"));
  const { images, labels } = await digits(harness);
  const page = await open();
  const got = await page.evaluate(
    async ([backend, images, labels, steps]) => {
      const trainer = await globalThis.hadal.DigitTrainer.create({ backend, seed: 42 });
      const losses = [];
      for (let at = 0; at < 32 * steps; at += 32) {
        losses.push(await trainer.step(Float32Array.from(images.slice(at, at + 32).flat()), Int32Array.from(labels.slice(at, at + 32))));
      }
      trainer.dispose();
      return losses;
    },
    [backend, images.slice(0, 32 * expected.length), labels.slice(0, 32 * expected.length), expected.length],
  );
  const largest = Math.max(...expected.map((loss, i) => Math.abs(loss - got[i])));
  console.log(`  ${backend}: ${got.length} losses on real digits from ${got[0].toFixed(4)} to ${got.at(-1).toFixed(4)}, at most ${largest.toExponential(1)} from native's`);
  assert.ok(got.length === 20 && largest <= 1e-3, `${got} instead of ${expected}`);
}

export const losses_on_real_digits_equal_native_on_cpu = (test) => real_losses(test, "cpu");
export const losses_on_real_digits_equal_native_on_wgpu = (test) => real_losses(test, "wgpu");

/** From chance to more than 90 % of digits that were held back, within a minute. */
export const real_digits_are_learnt_within_a_minute = async ({ harness, open }) => {
  const { images, labels } = await digits(harness);
  const page = await open();
  const { before, after, steps, seconds } = await page.evaluate(
    async ([images, labels, held]) => {
      const trainer = await globalThis.hadal.DigitTrainer.create({ backend: "cpu", seed: 42 });
      const test = Float32Array.from(images.slice(-held).flat());
      const accuracy = async () => {
        const probabilities = await trainer.probabilities(test);
        const guess = (i) => {
          const row = probabilities.subarray(10 * i, 10 * i + 10);
          return row.indexOf(Math.max(...row));
        };
        return labels.slice(-held).filter((label, i) => guess(i) === label).length / held;
      };
      const before = await accuracy();
      const start = performance.now();
      const seconds = () => (performance.now() - start) / 1000;
      let [after, steps] = [before, 0];
      const learned = images.length - held;
      while (after <= 0.9 && seconds() < 60) {
        for (let i = 0; i < 20; i += 1, steps += 1) {
          const batch = Array.from({ length: 32 }, (_, j) => (steps * 32 + j) % learned);
          await trainer.step(Float32Array.from(batch.flatMap((at) => images[at])), Int32Array.from(batch, (at) => labels[at]));
        }
        after = await accuracy();
      }
      trainer.dispose();
      return { before, after, steps, seconds: seconds() };
    },
    [images, labels, 297],
  );
  console.log(`  ${(100 * before).toFixed(0)} % of 297 real digits that were held back, then ${(100 * after).toFixed(0)} % after ${steps} steps and ${seconds.toFixed(1)} s on cpu`);
  assert.ok(before < 0.2 && after > 0.9, `${before} to ${after}`);
};
