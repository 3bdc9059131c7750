// Weights that go from the network into a GPU, of which the page's memory never holds more than a piece.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Generated } from "./server.mjs";
import { weighted } from "./onnx.mjs";

/** Rows and columns of each of the generated model's matrices: 100 MB of `f32`. */
const SIDE = 5000;
/** Matrices: 0.3 GB; with `HADAL_BROWSER_ALL=1` 2.5 GB. */
const MATRICES = process.env.HADAL_BROWSER_ALL === "1" ? 25 : 3;

/** What stands in row `k` and column `j` of matrix `i`, times `SIDE`. */
const weight = (i, k, j) => ((3 * i + k + j) % 7) - 3;

/** A Hadal file of the sum of products of `x` with each of so many matrices, made as it is sent. */
function generated(matrices) {
  const matrix = 4 * SIDE * SIDE;
  const type = (shape) => ({ dtype: "f32", shape });
  const nodes = [{ op: { input: { name: "x", ty: type([1, SIDE]) } }, version: 1 }];
  const entries = {};
  let sum;
  for (let i = 0; i < matrices; i += 1) {
    const name = `w${String(i).padStart(2, "0")}`;
    nodes.push({ op: { parameter: { name, ty: type([SIDE, SIDE]) } }, version: 1 });
    nodes.push({ op: { mat_mul: { dtype: null } }, version: 1, inputs: [0, nodes.length - 1] });
    if (sum !== undefined) nodes.push({ op: { binary: { op: "add" } }, version: 1, inputs: [sum, nodes.length - 1] });
    sum = nodes.length - 1;
    entries[name] = { dtype: "F32", shape: [SIDE, SIDE], data_offsets: [i * matrix, (i + 1) * matrix] };
  }
  const graph = JSON.stringify({ name: "generated", nodes, outputs: [{ name: "y", node: sum }], assigns: [] });
  const text = Buffer.from(JSON.stringify({ __metadata__: { format: "hadal", format_version: "1", graph }, ...entries }));
  const padded = Buffer.concat([text, Buffer.alloc(-text.length & 7, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const header = Buffer.concat([length, padded]);
  // A row depends on the sum of matrix and row alone, in steps of 7.
  const rows = Array.from({ length: 7 }, (_, r) => Buffer.from(Float32Array.from({ length: SIDE }, (_, j) => (((r + j) % 7) - 3) / SIDE).buffer));
  const fill = (offset, buffer) => {
    for (let at = 0; at < buffer.length; ) {
      const place = offset + at - header.length;
      if (place < 0) {
        at += header.copy(buffer, at, offset + at);
        continue;
      }
      const [i, k] = [Math.floor(place / matrix), Math.floor((place % matrix) / (4 * SIDE))];
      at += rows[(3 * i + k) % 7].copy(buffer, at, place % (4 * SIDE));
    }
  };
  return new Generated(header.length + matrices * matrix, fill);
}

/** An ONNX file of the product of `x` with a matrix, made as it is sent. */
function onnx() {
  const raw = 4 * SIDE * SIDE;
  const [before, after] = weighted(SIDE);
  const rows = Array.from({ length: 7 }, (_, r) => Buffer.from(Float32Array.from({ length: SIDE }, (_, j) => weight(0, r, j) / SIDE).buffer));
  const fill = (offset, buffer) => {
    for (let at = 0; at < buffer.length; ) {
      const place = offset + at - before.length;
      if (place < 0) at += before.copy(buffer, at, offset + at);
      else if (place < raw) at += rows[Math.floor(place / (4 * SIDE)) % 7].copy(buffer, at, place % (4 * SIDE));
      else at += after.copy(buffer, at, place - raw);
    }
  };
  return new Generated(before.length + raw + after.length, fill);
}

/**
 * Loads a model while memory is measured, again and again: the page's and its worker's heap, and WebAssembly's memory, which the browser only counts in
 * with a worker's where threads share it, and which never shrinks.
 */
async function measured(page, url, options) {
  return await page.evaluate(
    async ([url, options]) => {
      let [before, peak, samples, loading] = [0, 0, 0, true];
      const measure = async () => {
        const heap = (await performance.measureUserAgentSpecificMemory()).bytes;
        const { memory, threads } = (await globalThis.hadal.devices()).find((info) => info.backend === "cpu");
        const bytes = heap + (threads.count > 1 ? 0 : memory);
        peak = Math.max(peak, bytes);
        samples += 1;
        return bytes;
      };
      before = await measure();
      peak = 0;
      const watching = (async () => {
        while (loading) {
          await measure();
          await new Promise((later) => setTimeout(later, 50));
        }
      })();
      const start = performance.now();
      try {
        globalThis.model = await globalThis.hadal.Model.load(url, { cache: "none", ...options });
      } catch (error) {
        return { error: { name: error.name, code: error.code, message: error.message }, peak, before };
      } finally {
        loading = false;
        await watching;
      }
      const milliseconds = performance.now() - start;
      return { before, after: await measure(), peak, samples, milliseconds, bytes: globalThis.model.bytes };
    },
    [url, options],
  );
}

const MB = 1e6;

export const a_model_larger_than_the_heaps_goes_into_the_gpu = async ({ open, server }) => {
  const url = "/made/generated.safetensors";
  const file = generated(MATRICES);
  server.put(url, file);
  const page = await open({ isolated: true });
  const load = await measured(page, url, { backend: "wgpu" });
  assert.ok(load.peak < 256 * MB, `${(load.peak / MB).toFixed(0)} MB of JS and wasm heap`);
  if (load.error !== undefined) {
    // An adapter that cannot hold it says so.
    console.log(`  ${(file.length / MB).toFixed(0)} MB: ${load.error.message}`);
    assert.deepEqual([load.error.name, load.error.code], ["HadalError", "out_of_memory"]);
    return;
  }
  console.log(`  ${(load.bytes / MB).toFixed(0)} MB in ${(load.milliseconds / 1000).toFixed(1)} s; JS and wasm heap at most ${(load.peak / MB).toFixed(0)} MB in ${load.samples} samples, ${(load.before / MB).toFixed(0)} MB before`);
  assert.equal(load.bytes, file.length);
  const got = await page.evaluate(async (side) => {
    const { Tensor } = globalThis.hadal;
    const x = new Tensor(Float32Array.from({ length: side }, (_, k) => k % 5), [1, side]);
    return (await globalThis.model.run({ x })).get().toArray();
  }, SIDE);
  for (const j of [0, 1, 2, 3, 1234, SIDE - 1]) {
    let expected = 0;
    for (let i = 0; i < MATRICES; i += 1) for (let k = 0; k < SIDE; k += 1) expected += ((k % 5) * weight(i, k, j)) / SIDE;
    assert.ok(Math.abs(got[j] - expected) < 1e-3, `column ${j}: ${got[j]} instead of ${expected}`);
  }
};

export const on_cpu_weights_are_in_memory_once = async ({ harness, open }) => {
  const page = await open({ isolated: true });
  const file = await readFile(join(harness.setting("HADAL_HOME"), "minilm/model.safetensors"));
  const load = await measured(page, "/models/minilm/model.safetensors", { backend: "cpu" });
  console.log(`  ${(file.length / MB).toFixed(0)} MB on cpu: JS and wasm heap at most ${(load.peak / MB).toFixed(0)} MB, ${(load.before / MB).toFixed(0)} MB before`);
  assert.ok(load.peak - load.before < 1.5 * file.length, JSON.stringify(load));
};

export const a_stream_that_is_cut_off_or_changes_is_an_error_or_begins_again = async ({ open, server }) => {
  const url = "/made/cut.safetensors";
  const file = generated(1);
  server.put(url, file);
  const page = await open();
  const load = (options = {}) =>
    page.evaluate(
      async ([url, options]) => {
        const error = await globalThis.failure(async () => {
          globalThis.model = await globalThis.hadal.Model.load(url, { backend: "wgpu", cache: "none", ...options });
        });
        return error;
      },
      [url, options],
    );
  const works = () =>
    page.evaluate(async (side) => {
      const x = new globalThis.hadal.Tensor(new Float32Array(side).fill(1), [1, side]);
      return (await globalThis.model.run({ x })).get().toArray().slice(0, 3);
    }, SIDE);
  // Shorter than its header promises: said before anything is fetched to no end.
  server.fail(url, { cut: 50_000_000 });
  assert.equal((await load()).code, "truncated");
  // Another file than was asked for.
  const sha256 = "0".repeat(64);
  assert.equal((await load({ sha256 })).code, "integrity");
  // A connection that breaks is taken up where it was.
  server.take(url);
  server.fail(url, { breakAfter: 30_000_000 });
  assert.equal(await load(), null);
  assert.deepEqual(server.take(url).map((request) => request.status), [200, 206]);
  const expected = [0, 1, 2].map((j) => Array.from({ length: SIDE }, (_, k) => weight(0, k, j)).reduce((a, b) => a + b, 0) / SIDE);
  (await works()).forEach((value, j) => assert.ok(Math.abs(value - expected[j]) < 1e-4, `${value} instead of ${expected[j]}`));
  // A server that knows no ranges sends it from its beginning, and the stream begins again.
  server.fail(url, { breakAfter: 30_000_000 }, { whole: true });
  assert.equal(await load(), null);
  assert.deepEqual(server.take(url).map((request) => request.status), [200, 200]);
  (await works()).forEach((value, j) => assert.ok(Math.abs(value - expected[j]) < 1e-4, `${value} instead of ${expected[j]}`));
  // An aborted one lets go of its memory, and the page goes on working.
  const aborted = await page.evaluate(async (url) => {
    const abort = new AbortController();
    const onProgress = ({ loaded }) => loaded > 20_000_000 && abort.abort();
    return await globalThis.failure(() => globalThis.hadal.Model.load(url, { backend: "wgpu", cache: "none", signal: abort.signal, onProgress }));
  }, url);
  assert.equal(aborted.code, "aborted");
  assert.equal(await load(), null);
};
const heaps = (load, file) => console.log(`  ONNX, ${(file.length / MB).toFixed(0)} MB: JS and wasm heap at most ${(load.peak / MB).toFixed(0)} MB, ${(load.before / MB).toFixed(0)} MB before`);

export const a_large_onnx_file_never_lies_in_the_heaps = async ({ open, server }) => {
  const url = "/made/large.onnx";
  const file = onnx();
  server.put(url, file);
  const page = await open({ isolated: true });
  const load = await measured(page, url, { backend: "wgpu", cache: "auto" });
  assert.equal(load.error, undefined);
  heaps(load, file);
  assert.ok(load.peak < file.length / 2, JSON.stringify(load));
  const got = await page.evaluate(async (side) => {
    const x = new globalThis.hadal.Tensor(Float32Array.from({ length: side }, (_, k) => k % 5), [1, side]);
    const y = (await globalThis.model.run({ x })).get().toArray();
    globalThis.model.dispose();
    await globalThis.hadal.Model.forget();
    return y;
  }, SIDE);
  for (const j of [0, 1, 2, 3, 1234, SIDE - 1]) {
    const expected = Array.from({ length: SIDE }, (_, k) => ((k % 5) * weight(0, k, j)) / SIDE).reduce((a, b) => a + b);
    assert.ok(Math.abs(got[j] - expected) < 1e-3, `column ${j}: ${got[j]} instead of ${expected}`);
  }
};

/** An ONNX file's large weights are left out while it arrives, and come out of the store once its graph is known. */
export const an_onnx_file_goes_into_the_gpu_from_the_store = async ({ harness, open, server }) => {
  const url = "/models/minilm-int8/model.onnx";
  const file = await readFile(join(harness.setting("HADAL_HOME"), "minilm-int8/model.onnx"));
  const page = await open({ isolated: true });
  const embed = () =>
    page.evaluate(async () => {
      const { model } = globalThis;
      const vectors = await model.embed(["A dog barks at the mailman."]);
      const { backend, cached } = model;
      model.dispose();
      return { vector: Array.from(vectors[0]), backend, cached };
    });
  await page.evaluate((url) => globalThis.hadal.Model.forget(url), url);
  server.take(url);
  const load = await measured(page, url, { backend: "wgpu", cache: "auto" });
  assert.equal(load.error, undefined);
  assert.equal(server.take(url).length, 1, "the weights come out of the store, not from the server once more");
  const first = await embed();
  heaps(load, file);
  assert.deepEqual([first.backend, first.cached], ["wgpu", false]);
  // Where nothing is kept the file is held, and the vectors are the same; so they are on cpu.
  for (const [backend, cache] of [["wgpu", "none"], ["cpu", "auto"]]) {
    await page.evaluate(async ([url, backend, cache]) => (globalThis.model = await globalThis.hadal.Model.load(url, { backend, cache })), [url, backend, cache]);
    const other = await embed();
    const largest = Math.max(...first.vector.map((value, i) => Math.abs(value - other.vector[i])));
    assert.ok(largest <= (backend === "wgpu" ? 0 : 1e-3), `${backend}: ${largest}`);
  }
  // Where there is no room to keep it, it is fetched once more and held.
  await page.evaluate(() => globalThis.hadal.Model.forget());
  const session = await harness.context.newCDPSession(page);
  const origin = new URL(server.address).origin;
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 8_000_000 });
  try {
    server.take(url);
    await page.evaluate(async (url) => (globalThis.model = await globalThis.hadal.Model.load(url, { backend: "wgpu", tokenizer: "/models/minilm-int8/tokenizer.json" })), url);
    assert.equal(server.take(url).length, 2);
    assert.deepEqual((await embed()).vector, first.vector);
  } finally {
    await session.send("Storage.overrideQuotaForOrigin", { origin });
  }
};
