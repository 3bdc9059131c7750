// `cargo xtask web compare`: the package beside onnxruntime-web, in one session of one browser, as a table of Markdown on standard output.
// A page measures one engine. Both engines take turns, round by round; a time is the median of the rounds after the first run, and a ratio that of their ratios.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";
import { Harness } from "./harness.mjs";
import { product } from "./onnx.mjs";

const ROUNDS = Number(process.env.HADAL_ROUNDS ?? 7);
/** Each: what it is called, the backend, and most threads of it. */
const PLACES = [
  ["WebAssembly, 1 thread", "cpu", 1],
  ["WebAssembly, 2 threads", "cpu", 2],
  ["WebGPU on SwiftShader", "wgpu", 1],
];
/** Where not all are wanted: the places whose names begin so, and the models whose names hold this; `0` leaves out the memory, which takes minutes. */
const [PLACE, WHAT, MEMORY] = [process.env.HADAL_PLACE ?? "", process.env.HADAL_WHAT ?? "", process.env.HADAL_MEMORY !== "0"];
const SIZE = 512;
const MINILM = "/models/minilm-int8/model.onnx";
/**
 * What runs: its name, and the file for each engine. The weights of the ONNX file have 8 bits: onnxruntime-web makes them `f32` once, when it loads them, and Hadal in each run.
 * The last row gives Hadal the model's weights in `f32`, so that both compute the same.
 */
const MODELS = [
  [`matmul ${SIZE}³, f32`, "/made/matmul.onnx", "/made/matmul.onnx"],
  ["MiniLM, 1 × 128 tokens, 8-bit weights", MINILM, MINILM],
  ["MiniLM, 1 × 128 tokens, f32 weights", "/models/minilm/model.safetensors", MINILM],
];

const harness = await Harness.start();
const ort = harness.setting("HADAL_ORT");
harness.server.mount("/ort/", join(ort, "dist"));
harness.server.put("/made/matmul.onnx", product(SIZE));

/**
 * In the page: loads a model in one engine, and leaves `globalThis.once`, which runs it once and says how long that took. With `memory` it only loads, and the heaps are measured
 * meanwhile.
 */
async function prepare([engine, backend, threads, url, size, memory]) {
  const value = (name, length) => {
    if (name === "a" || name === "b") return Float32Array.from({ length }, (_, i) => Math.sin(i));
    return BigInt64Array.from({ length }, (_, i) => (name === "input_ids" ? BigInt(1000 + ((i * 7919) % 20000)) : name === "attention_mask" ? 1n : 0n));
  };
  const shape = (name) => (name === "a" || name === "b" ? [size, size] : [1, 128]);
  const data = (name) => value(name, shape(name).reduce((a, b) => a * b, 1));
  let [peak, loading] = [0, memory];
  // The browser counts WebAssembly's memory in the page, and in a worker where it can be shared. On one processor it is not, and Hadal says how much it has.
  const apart = async () => {
    if (engine !== "hadal" || navigator.hardwareConcurrency > 1) return 0;
    return (await globalThis.hadal.devices()).find((info) => info.backend === "cpu").memory;
  };
  const look = async () => (peak = Math.max(peak, (await performance.measureUserAgentSpecificMemory()).bytes + (await apart())));
  const looking = (async () => {
    while (loading) await look();
  })();
  const begin = performance.now();
  let ort;
  const open = async () => {
    ort = await import(backend === "wgpu" ? "/ort/ort.webgpu.min.mjs" : "/ort/ort.wasm.min.mjs");
    ort.env.wasm.wasmPaths = new URL("/ort/", location.href).href;
    ort.env.wasm.numThreads = threads;
    return await ort.InferenceSession.create(url, { executionProviders: [backend === "wgpu" ? "webgpu" : "wasm"] });
  };
  const { Model, Tensor } = globalThis.hadal;
  const model = engine === "hadal" ? await Model.load(url, { backend, threads }) : await open();
  const load = performance.now() - begin;
  if (memory) {
    loading = false;
    await looking;
    return { peak: await look() };
  }
  if (engine === "hadal") {
    const inputs = Object.fromEntries(model.inputs.map(({ name }) => [name, new Tensor(data(name), shape(name))]));
    globalThis.once = async () => (await model.run(inputs)).milliseconds;
  } else {
    const feeds = Object.fromEntries(model.inputNames.map((name) => [name, new ort.Tensor(name === "a" || name === "b" ? "float32" : "int64", data(name), shape(name))]));
    globalThis.once = async () => {
      const start = performance.now();
      const results = await model.run(feeds);
      for (const tensor of Object.values(results)) await tensor.getData();
      return performance.now() - start;
    };
  }
  return { load, first: await globalThis.once() };
}

/** Times of one engine a round: enough runs to fill this many milliseconds, at most ten. */
const ROUND = 300;

const ENGINES = ["hadal", "onnxruntime-web"];
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rows = [];
for (const [what, own, other] of MODELS.filter(([what]) => what.includes(WHAT))) {
  for (const [place, backend, threads] of PLACES.filter(([place]) => place.startsWith(PLACE))) {
    const [found, pages] = [{}, {}];
    const files = { [ENGINES[0]]: own, [ENGINES[1]]: other };
    // Memory is measured by itself, in a page of its own: measuring it takes time.
    for (const engine of ENGINES) {
      for (const memory of MEMORY ? [true, false] : [false]) {
        const page = await harness.page("compare", { isolated: true });
        try {
          found[engine] = { ...found[engine], ...(await page.evaluate(prepare, [engine, backend, threads, files[engine], SIZE, memory])) };
          if (!memory) pages[engine] = page;
        } catch (error) {
          console.error(`${engine} on ${place}: ${error.message}`);
        }
        if (memory) await page.close();
      }
    }
    // Both take turns, so that what else the machine does falls on both. A software GPU takes seconds for what a processor does at once.
    const rounds = backend === "wgpu" && other === MINILM ? Math.min(ROUNDS, 2) : ROUNDS;
    const times = Object.fromEntries(ENGINES.map((engine) => [engine, []]));
    for (let round = 0; round < rounds && Object.keys(pages).length === ENGINES.length; round += 1) {
      for (const engine of round % 2 === 0 ? ENGINES : [...ENGINES].reverse()) {
        const taken = await pages[engine].evaluate(async (round) => {
          const times = [];
          for (let sum = 0; sum < round && times.length < 10; sum += times.at(-1)) times.push(await globalThis.once());
          return times;
        }, ROUND);
        times[engine].push(median(taken));
      }
    }
    const ratios = times[ENGINES[0]].map((time, round) => time / times[ENGINES[1]][round]);
    for (const engine of ENGINES) if (times[engine].length > 0) found[engine].median = median(times[engine]);
    await Promise.all(Object.values(pages).map((page) => page.close()));
    const ms = (key) => ENGINES.map((engine) => (found[engine]?.[key] === undefined ? "–" : found[engine][key].toFixed(found[engine][key] < 100 ? 1 : 0)));
    const ratio = ratios.length === 0 ? "–" : `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
    rows.push([what, place, ...ms("median"), ratio, ...ms("first"), ...ms("load"), ...ENGINES.map((engine) => (found[engine]?.peak === undefined ? "–" : (found[engine].peak / 1e6).toFixed(found[engine].peak < 1e7 ? 1 : 0)))]);
  }
}
console.log(`\n${ROUNDS} rounds, Chromium, ${new Date().toISOString().slice(0, 10)}. SwiftShader is a CPU that emulates a GPU: its times rank kernels on it and nothing else.\n`);
console.log("| | on | Hadal, ms | onnxruntime-web, ms | ratio of a round: median (least to most) | first run | first run of onnxruntime-web | load | load of onnxruntime-web | heaps while loading, MB | of onnxruntime-web |");
console.log("|---|---|---|---|---|---|---|---|---|---|---|");
for (const row of rows) console.log(`| ${row.join(" | ")} |`);
const bytes = async (folder, keep) => {
  let sum = 0;
  for (const name of await readdir(folder, { recursive: true })) if (keep(name)) sum += brotliCompressSync(await readFile(join(folder, name))).length;
  return (sum / 1e6).toFixed(2);
};
const others = (isolated) => (isolated ? /hadal_(web_bg|relaxed)\.wasm$/ : /hadal_(threads_bg|relaxed_shared)\.wasm$|helper\.js$/);
const own = (isolated) => bytes(join(harness.setting("HADAL_PACKAGE"), "dist"), (name) => /\.(js|wasm)$/.test(name) && !others(isolated).test(name));
const wasm = await bytes(join(ort, "dist"), (name) => /^ort\.wasm\.min\.mjs$|^ort-wasm-simd-threaded\.(mjs|wasm)$/.test(name));
const webgpu = await bytes(join(ort, "dist"), (name) => /^ort\.webgpu\.min\.mjs$|^ort-wasm-simd-threaded\.(jsep|asyncify)\.(mjs|wasm)$/.test(name));
console.log(`\nWhat a page fetches, brotli: Hadal ${await own(false)} MB for both backends, with threads ${await own(true)} MB; onnxruntime-web ${wasm} MB for WebAssembly, at most ${webgpu} MB for WebGPU.`);
/** Bytes of a package: of the files that are installed, and of the tarball that is fetched. */
async function packed(folder) {
  const to = await mkdtemp(join(tmpdir(), "hadal-compare-"));
  try {
    const { stdout } = await promisify(execFile)("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", to], { cwd: folder, maxBuffer: 64 << 20 });
    const [{ size, unpackedSize }] = JSON.parse(stdout);
    return [unpackedSize, size].map((bytes) => bytes / 1e6);
  } finally {
    await rm(to, { recursive: true, force: true });
  }
}
const packages = [await packed(harness.setting("HADAL_PACKAGE")), await packed(ort)];
console.log("\n| npm package, MB | Hadal | onnxruntime-web | part |\n|---|---|---|---|");
["installed", "tarball"].forEach((what, at) => {
  const [own, other] = packages.map((sizes) => sizes[at]);
  console.log(`| ${what} | ${own.toFixed(2)} | ${other.toFixed(1)} | 1/${(other / own).toFixed(0)} |`);
});
await harness.close();
process.exit(0);
