// What is in a model.

import { Model, Tensor } from "hadal";
import { follow, say, size } from "./page.js";

const EXAMPLE = "models/magika/model.onnx";
/** Rows of a table that are shown. */
const ROWS = 400;
const ARRAYS = { f32: Float32Array, f64: Float64Array, i64: BigInt64Array, i32: Int32Array, u8: Uint8Array, i8: Int8Array, bool: Uint8Array };
const get = (id) => document.getElementById(id);

let model;

get("example").addEventListener("click", () => void open(EXAMPLE, "the example"));
get("file").addEventListener("change", () => void openFile(get("file").files[0]));
get("run").addEventListener("click", () => void run());
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  get("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    get("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") void openFile(event.dataTransfer.files[0]);
  });
}

async function openFile(file) {
  if (file === undefined) return;
  const url = URL.createObjectURL(file);
  await open(url, file.name);
  URL.revokeObjectURL(url);
}

async function open(url, name) {
  get("result").hidden = true;
  try {
    model?.dispose();
    model = undefined;
    const cache = url.startsWith("blob:") ? "none" : "auto";
    model = await Model.load(url, { backend: get("backend").value, cache, onProgress: follow(get("bar"), get("status")) });
    say(get("status"), `${name}: ${size(model.bytes)}, ${model.info.nodes} nodes, ${model.info.parameters} tensors of weights, on ${model.backend}.`);
    await show();
  } catch (error) {
    say(get("status"), error);
  } finally {
    get("bar").hidden = true;
  }
}

async function show() {
  const port = (kind) => (p) => [kind, p.name, p.dtype, `[${p.shape.join(", ")}]`];
  table(get("ports"), ["", "name", "type", "shape"], [...model.inputs.map(port("input")), ...model.outputs.map(port("output"))]);
  const symbols = [...new Set(model.inputs.flatMap((input) => input.shape.filter((extent) => typeof extent === "string")))];
  // The first axis is the batch.
  const batches = model.inputs.map((input) => input.shape[0]);
  get("sizes").replaceChildren(
    ...symbols.flatMap((symbol) => {
      const label = Object.assign(document.createElement("label"), { textContent: symbol, htmlFor: `size-${symbol}` });
      const input = Object.assign(document.createElement("input"), { id: `size-${symbol}`, type: "number", min: 1, value: batches.includes(symbol) ? 1 : 32 });
      input.style.width = "6rem";
      input.addEventListener("change", () => void plan());
      return [label, input];
    }),
  );
  for (const id of ["outputs", "times"]) get(id).replaceChildren();
  get("times-sum").textContent = "Run it to see where the time goes.";
  const nodes = await model.nodes();
  const counts = new Map();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  get("ops").textContent = [...counts].sort((a, b) => b[1] - a[1]).map(([op, count]) => `${op} ×${count}`).join(", ");
  table(get("graph"), ["#", "op", "of", "name", "type"], nodes.map((n) => [n.id, n.op, n.inputs.join(" "), n.name ?? "", n.types.join(", ")]));
  await plan();
  get("result").hidden = false;
}

function shapes() {
  const extent = (value) => (typeof value === "number" ? value : Number(document.getElementById(`size-${value}`)?.value ?? 1));
  return Object.fromEntries(model.inputs.map((input) => [input.name, input.shape.map(extent)]));
}

async function plan() {
  try {
    const { steps, arena, weights } = await model.plan(shapes());
    const flops = steps.reduce((sum, step) => sum + step.flops, 0);
    get("plan-sum").textContent = `${steps.length} steps, ${(flops / 1e9).toFixed(3)} GFLOP, ${size(arena)} of intermediate results, ${size(weights)} of weights`;
    table(get("plan"), ["#", "step", "kernel", "shape", "bytes", "MFLOP"], steps.map((s, i) => [i, s.label, s.kernel, `[${s.shape.join(", ")}]`, size(s.bytes), (s.flops / 1e6).toFixed(2)]), 4);
  } catch (error) {
    get("plan-sum").textContent = error.message;
    get("plan").replaceChildren();
  }
}

async function run() {
  get("run").disabled = true;
  try {
    const inputs = {};
    for (const [name, shape] of Object.entries(shapes())) {
      const { dtype } = model.inputs.find((input) => input.name === name);
      const length = shape.reduce((a, b) => a * b, 1);
      const whole = dtype.startsWith("i") || dtype.startsWith("u") || dtype === "bool";
      const value = (i) => (whole ? (i * 7919) % 2 : Math.sin(i));
      const array = ARRAYS[dtype];
      if (array === undefined) throw new Error(`made-up inputs of ${dtype} are not known here`);
      inputs[name] = new Tensor(array.from({ length }, (_, i) => (dtype.endsWith("64") && whole ? BigInt(value(i)) : value(i))), shape, dtype);
    }
    const result = await model.run(inputs);
    const rows = Object.entries(result.outputs).map(([name, tensor]) => {
      const values = tensor.toArray();
      const mean = values.reduce((a, b) => a + b, 0) / Math.max(values.length, 1);
      const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
      return [name, tensor.dtype, `[${tensor.shape.join(", ")}]`, low.toPrecision(4), mean.toPrecision(4), high.toPrecision(4)];
    });
    table(get("outputs"), ["output", "type", "shape", "least", "mean", "most"], rows, 3);
    await times(inputs);
    say(get("status"), `${result.milliseconds.toFixed(1)} ms on ${result.backend} (${result.device}).`);
  } catch (error) {
    say(get("status"), error);
  } finally {
    get("run").disabled = false;
  }
}

/** What each launch of a run takes, dearest first. */
async function times(inputs) {
  const launches = await model.profile(inputs);
  const sum = launches.reduce((total, launch) => total + launch.milliseconds, 0);
  const none = "This device tells no times. In Chromium, cross-origin isolated pages have a finer clock.";
  get("times-sum").textContent = launches.length === 0 ? none : `${launches.length} launches, ${sum.toFixed(2)} ms of kernels, one by one`;
  const rows = launches.map((launch, i) => ({ i, ...launch })).sort((a, b) => b.milliseconds - a.milliseconds);
  const share = (ms) => `${((100 * ms) / Math.max(sum, 1e-9)).toFixed(1)} %`;
  const speed = ({ flops, milliseconds: ms }) => (flops > 0 && ms > 0 ? (flops / ms / 1e6).toFixed(2) : "");
  table(get("times"), ["#", "step", "kernel", "ms", "share", "GFLOP/s"], rows.map((l) => [l.i, l.op, l.kernel, l.milliseconds.toFixed(3), share(l.milliseconds), speed(l)]), 3);
}

/** A table; columns from `numbers` on are numbers. */
function table(into, head, rows, numbers = Infinity) {
  const cell = (name) => (text, i) => {
    const element = document.createElement(name);
    element.textContent = String(text);
    element.className = i >= numbers ? "number" : "wide";
    return element;
  };
  const row = (name) => (cells) => {
    const element = document.createElement("tr");
    element.append(...cells.map(cell(name)));
    return element;
  };
  const [table, thead, tbody] = ["table", "thead", "tbody"].map((name) => document.createElement(name));
  thead.append(row("th")(head));
  tbody.append(...rows.slice(0, ROWS).map(row("td")));
  if (rows.length > ROWS) tbody.append(row("td")([`and ${rows.length - ROWS} more`]));
  table.append(thead, tbody);
  into.replaceChildren(table);
}
