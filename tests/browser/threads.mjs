// Threads: workers on one memory, in pages that are cross-origin isolated.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { native, TEXTS } from "./native.mjs";

const MINILM = "/models/minilm/model.safetensors";
const MODULES = ["/hadal/dist/wasm/hadal_web_bg.wasm", "/hadal/dist/wasm/hadal_threads_bg.wasm"];
const HELPER = "/hadal/dist/helper.js";

/** Of the op cases every so manieth runs: they are the same kernels as on one thread. */
const SHARE = 16;

/** What `devices()` says about threads, in a page; and how many there can be. */
async function threads(page, options = {}) {
  const [cpu, processors] = await page.evaluate(async (options) => [(await globalThis.hadal.devices(options)).find((info) => info.backend === "cpu"), navigator.hardwareConcurrency], options);
  return { ...cpu.threads, most: Math.min(processors, 8) };
}

export const an_isolated_page_computes_on_all_processors = async ({ open, server }) => {
  MODULES.forEach((path) => server.take(path));
  const { count, most, reason } = await threads(await open({ isolated: true }));
  assert.deepEqual([count, MODULES.map((path) => server.take(path).length)], [most, [0, 1]], reason);
  assert.match(reason, /processor|no more than/);
};

export const another_page_computes_on_one_and_says_why = async ({ open, server }) => {
  MODULES.forEach((path) => server.take(path));
  const { count, reason } = await threads(await open());
  assert.deepEqual([count, MODULES.map((path) => server.take(path).length)], [1, [1, 0]], reason);
  assert.match(reason, /not cross-origin isolated.*\n.*Cross-Origin-Opener-Policy/);
};

export const the_page_itself_computes_alone = async ({ open }) => {
  const { count, reason } = await threads(await open({ isolated: true }), { worker: false });
  assert.equal(count, 1, reason);
  assert.match(reason, /own thread/);
};

export const minilm_equals_native_and_one_thread = async ({ harness, open }) => {
  // Short ones, long ones and padding, in one batch.
  const texts = [TEXTS[0], TEXTS[3], "word ".repeat(60)];
  const expected = await native(harness, texts);
  const page = await open({ isolated: true });
  const { all, one, times } = await page.evaluate(
    async ([url, texts]) => {
      const embed = async (threads) => {
        const model = await globalThis.hadal.Model.load(url, { backend: "cpu", threads });
        const start = performance.now();
        const vectors = (await model.embed(texts)).map((vector) => Array.from(vector));
        return [vectors, performance.now() - start];
      };
      const [all, ofAll] = await embed(undefined);
      const [one, ofOne] = await embed(1);
      return { all, one, times: [ofAll, ofOne] };
    },
    [MINILM, texts],
  );
  const largest = (vectors, others) => Math.max(...vectors.flatMap((vector, i) => vector.map((value, j) => Math.abs(value - others[i][j]))));
  console.log(`  ${times[0].toFixed(0)} ms on all threads, then ${times[1].toFixed(0)} ms on one; they differ by ${largest(all, one).toExponential(1)}, and by ${largest(all, expected).toExponential(1)} from native`);
  assert.ok(largest(all, expected) <= 1e-3 && largest(one, expected) <= 1e-3);
  assert.ok(largest(all, one) <= 1e-5);
};

export const op_cases_hold_on_shared_memory = async ({ open, server }) => {
  // In a worker, as the package itself has it, since a page must not wait for its threads.
  const worker = async (share) => {
    const { threads, wasm } = await import("/hadal/dist/wasm.js");
    const module = await wasm();
    const results = [];
    for (const set of ["fused", "ops"]) {
      const checks = await module.Checks.open("cpu", set);
      for (let at = 0; at < checks.count; at += set === "ops" ? share : 1) results.push(...JSON.parse(await checks.run(at, at + 1)));
    }
    self.postMessage({ threads: (await threads()).count, results });
  };
  server.put("/made/cases.js", `(${worker})(${SHARE}).catch((error) => self.postMessage({ error: String(error) }));`);
  const page = await open({ isolated: true });
  const { error, threads, results } = await page.evaluate(
    () => new Promise((resolve) => (new Worker("/made/cases.js", { type: "module" }).onmessage = ({ data }) => resolve(data))),
  );
  assert.equal(error, undefined);
  console.log(`  ${results.length} cases on ${threads} threads`);
  assert.deepEqual(results.filter((result) => result.failure !== null), []);
  assert.ok(results.length > 50 && threads >= 1);
};

/** A worker that never comes back from waiting keeps a page's memory from being measured, and its events from being handled. */
export const a_page_with_threads_can_be_measured = async ({ open }) => {
  const page = await open({ isolated: true });
  const bytes = await page.evaluate(async () => {
    await globalThis.hadal.devices();
    return (await performance.measureUserAgentSpecificMemory()).bytes;
  });
  assert.ok(bytes > 0);
};

export const a_page_without_work_for_helpers_has_none = async ({ open, server }) => {
  const page = await open({ isolated: true });
  const helpers = async (options) => {
    server.take(HELPER);
    const width = await page.evaluate(async ([url, options]) => (await (await globalThis.hadal.Model.load(url, options)).embed(["alone"]))[0].length, [MINILM, options]);
    assert.equal(width, 384);
    return server.take(HELPER).length;
  };
  assert.equal(await helpers({ backend: "cpu", threads: 1 }), 0);
  assert.equal(await helpers({ backend: "wgpu" }), 0);
  assert.equal((await helpers({ backend: "cpu" })) > 0, await page.evaluate(() => navigator.hardwareConcurrency > 1));
};

export const helpers_that_never_start_are_done_without = async ({ open, server }) => {
  server.fail(HELPER, ...Array(8).fill({ status: 404 }));
  try {
    const page = await open({ isolated: true });
    const { count, most, reason } = await threads(page);
    assert.equal(count, 1);
    if (most > 1) assert.match(reason, new RegExp(`${most - 1} of ${most - 1} helping workers are missing: `));
    const width = await page.evaluate(async (url) => (await (await globalThis.hadal.Model.load(url, { backend: "cpu" })).embed(["alone"]))[0].length, MINILM);
    assert.equal(width, 384);
  } finally {
    server.fail(HELPER);
  }
};

export const a_helper_that_fails_at_work_fails_the_run_and_no_more = async ({ harness, open, server }) => {
  // Its products fail after those that show whether it can multiply.
  const source = await readFile(join(harness.setting("HADAL_PACKAGE"), "dist", "helper.js"), "utf8");
  const failing = (kernel, left = 4) => {
    const gemm = (...product) => {
      left -= 1;
      if (left < 0) throw new Error("on purpose");
      kernel.gemm(...product);
    };
    return { scratch: kernel.scratch, gemm };
  };
  const broken = source.replace(/bindings\.useRelaxed\((.*)\);/, `bindings.useRelaxed((${failing})($1));`);
  assert.notEqual(broken, source);
  server.put(HELPER, broken);
  try {
    const page = await open({ isolated: true });
    const before = await threads(page);
    if (before.most === 1) return;
    assert.equal(before.count, before.most, before.reason);
    const { failures, after, alone } = await page.evaluate(
      async (url) => {
        const { Model, devices } = globalThis.hadal;
        const text = "a sentence that is long enough for products that are worth several threads ".repeat(4);
        const alone = (await (await Model.load(url, { backend: "cpu", threads: 1 })).embed([text]))[0];
        const failures = [];
        let [model, after] = [undefined, undefined];
        // Each helper fails once, when it first comes to a product; several may in one run.
        const count = async () => (await devices()).find((info) => info.backend === "cpu").threads.count;
        for (let i = 0; i < 200 && (await count()) > 1; i += 1) {
          const failure = await globalThis.failure(async () => {
            model ??= await Model.load(url, { backend: "cpu" });
            after = (await model.embed([text]))[0];
          });
          if (failure !== null) failures.push(failure);
        }
        after = (await (model ?? (await Model.load(url, { backend: "cpu" }))).embed([text]))[0];
        return { failures, after: Array.from(after), alone: Array.from(alone) };
      },
      MINILM,
    );
    assert.ok(failures.length >= 1, "no helper came to a product");
    for (const { name, code, message } of failures) {
      assert.deepEqual([name, code], ["HadalError", "kernel"], message);
      assert.match(message, /thread that computed it failed\n {2}hint: run it again/);
    }
    assert.ok(Math.max(...after.map((value, i) => Math.abs(value - alone[i]))) < 1e-5);
    const { count, reason } = await threads(page);
    assert.equal(count, 1);
    assert.match(reason, /missing: .*on purpose/);
  } finally {
    server.remove(HELPER);
  }
};
