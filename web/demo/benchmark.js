// The same model on each backend, and in onnxruntime-web where that is there.

import { devices, Model, Tensor } from "hadal";
import { follow, say } from "./page.js";

const MODEL = new URL("models/minilm-int8/model.onnx", location.href).href;
const ORT = new URL("ort/ort.wasm.min.mjs", location.href).href;
const get = (id) => document.getElementById(id);
const tokens = () => Math.max(Number(get("tokens").value), 1);

get("start").addEventListener("click", () => void start());

async function start() {
  get("start").disabled = true;
  get("rows").replaceChildren();
  try {
    for (const { backend, available, reason } of await devices()) {
      if (available) await measure("Hadal", backend, await hadal(backend));
      else row("Hadal", backend, [reason?.split("\n")[0] ?? "not here"]);
    }
    const there = await fetch(ORT, { method: "HEAD" }).then((response) => response.ok, () => false);
    if (there) await measure("onnxruntime-web", "wasm", await onnxruntime());
    say(get("status"), "Done.");
  } catch (error) {
    say(get("status"), error);
  } finally {
    get("bar").hidden = true;
    get("start").disabled = false;
  }
}

async function measure(engine, backend, { load, run, end }) {
  const runs = Math.max(Number(get("runs").value), 1);
  const times = [];
  for (let i = 0; i <= runs; i += 1) {
    say(get("status"), `${engine} on ${backend}: run ${i} of ${runs} …`);
    const begin = performance.now();
    await run();
    times.push(performance.now() - begin);
  }
  end();
  const [first, ...rest] = times;
  rest.sort((a, b) => a - b);
  row(engine, backend, [load, first, rest[Math.floor(rest.length / 2)]].map((time) => `${time.toFixed(time < 100 ? 1 : 0)} ms`));
}

function row(engine, backend, figures) {
  const line = document.createElement("tr");
  for (const [i, text] of [engine, backend, ...figures].entries()) {
    line.append(Object.assign(document.createElement("td"), { textContent: text, className: i > 1 ? "number" : "" }));
  }
  get("rows").append(line);
}

const ids = () => BigInt64Array.from({ length: tokens() }, (_, i) => BigInt(1000 + ((i * 7919) % 20000)));
const value = (name) => (name === "input_ids" ? ids() : new BigInt64Array(tokens()).fill(name === "attention_mask" ? 1n : 0n));

async function hadal(backend) {
  const begin = performance.now();
  const model = await Model.load(MODEL, { backend, onProgress: follow(get("bar"), get("status")) });
  const load = performance.now() - begin;
  get("bar").hidden = true;
  const inputs = () => Object.fromEntries(model.inputs.map(({ name }) => [name, new Tensor(value(name), [1, tokens()])]));
  return { load, run: () => model.run(inputs()), end: () => model.dispose() };
}

async function onnxruntime() {
  const ort = await import(ORT);
  ort.env.wasm.wasmPaths = new URL("ort/", location.href).href;
  // As many as Hadal has.
  ort.env.wasm.numThreads = (await devices()).find((info) => info.backend === "cpu").threads.count;
  const begin = performance.now();
  const session = await ort.InferenceSession.create(MODEL, { executionProviders: ["wasm"] });
  const load = performance.now() - begin;
  const feeds = () => Object.fromEntries(session.inputNames.map((name) => [name, new ort.Tensor("int64", value(name), [1, tokens()])]));
  return { load, run: () => session.run(feeds()), end: () => void session.release() };
}
