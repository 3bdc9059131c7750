// Tensors, models, devices and errors, as a page uses them.

import { strict as assert } from "node:assert";

const MAGIKA = "/models/magika/model.onnx";

export const devices_are_listed = async ({ open }) => {
  const page = await open();
  const found = await page.evaluate(() => globalThis.hadal.devices());
  assert.deepEqual(found.map((info) => [info.backend, info.available]).sort(), [["cpu", true], ["wgpu", true]]);
  const cpu = found.find((info) => info.backend === "cpu");
  assert.ok(cpu.threads.count >= 1 && cpu.threads.reason.length > 0, JSON.stringify(cpu));
  assert.deepEqual(cpu.devices[0].features, ["simd128", "relaxed-simd"]);
  assert.ok(cpu.memory > 1e6, JSON.stringify(cpu));
};

export const tensors_know_their_elements = async ({ open }) => {
  const page = await open();
  const result = await page.evaluate(async () => {
    const { Tensor } = globalThis.hadal;
    const x = new Tensor(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
    const ids = Tensor.i64([1, 2n, -3]);
    const wrong = await globalThis.failure(() => new Tensor(new Float32Array(5), [2, 3]));
    const dtype = await globalThis.failure(() => new Tensor(new Float32Array(2), [2], "i64"));
    x.dispose();
    const gone = await globalThis.failure(() => x.data);
    return { shape: [...x.shape], dtype: ids.dtype, ids: ids.toArray(), wrong, other: dtype, gone };
  });
  assert.deepEqual([result.shape, result.dtype, result.ids], [[2, 3], "i64", [1, 2, -3]]);
  assert.equal(result.wrong.code, "input");
  assert.match(result.wrong.message, /6 elements, but 5/);
  assert.equal(result.other.code, "input");
  assert.equal(result.gone.code, "disposed");
};

async function runs({ open }, backend) {
  const page = await open();
  const result = await page.evaluate(
    async ([url, backend]) => {
      const { Model, Tensor } = globalThis.hadal;
      const progress = [];
      const model = await Model.load(url, { backend, onProgress: (p) => progress.push(p.phase) });
      const input = model.inputs[0];
      const shape = input.shape.map((extent) => (typeof extent === "number" ? extent : 1));
      const size = shape.reduce((a, b) => a * b, 1);
      const data = input.dtype === "i32" ? Int32Array.from({ length: size }, (_, i) => (i * 7) % 256) : Float32Array.from({ length: size }, (_, i) => i % 7);
      const make = () => new Tensor(data.slice(), shape);
      const result = await model.run({ [input.name]: make() });
      const moved = make();
      const again = await model.run({ [input.name]: moved }, { transfer: true });
      const wrongName = await globalThis.failure(() => model.run({ nonsense: make() }));
      const wrongShape = await globalThis.failure(() => model.run({ [input.name]: new Tensor(data.slice(0, 3), [1, 3]) }));
      const wrongType = await globalThis.failure(() => model.run({ [input.name]: new Tensor(Float64Array.from(data), shape) }));
      const missing = await globalThis.failure(() => model.run({}));
      const noTensor = await globalThis.failure(() => model.run({ [input.name]: [1, 2, 3] }));
      // The page goes on working.
      const after = await model.run({ [input.name]: make() });
      const plan = await model.plan({ [input.name]: shape });
      model.dispose();
      const gone = await globalThis.failure(() => model.run({ [input.name]: make() }));
      const sum = (r) => r.get().toArray().reduce((a, b) => a + b, 0);
      return { progress, backend: result.backend, sums: [sum(result), sum(again), sum(after)], disposed: moved.disposed, steps: plan.steps.length, wrongName, wrongShape, wrongType, missing, noTensor, gone };
    },
    [MAGIKA, backend],
  );
  assert.equal(result.backend, backend);
  assert.ok(result.progress.includes("download") && result.progress.at(-1) === "prepare", String(result.progress));
  for (const sum of result.sums) assert.ok(Math.abs(sum - 1) < 1e-3, `probabilities sum to ${sum}`);
  assert.ok(result.disposed && result.steps > 0);
  for (const kind of ["wrongName", "wrongShape", "wrongType", "missing", "noTensor"]) {
    assert.equal(result[kind]?.name, "HadalError", kind);
    assert.equal(result[kind].code, "input", `${kind}: ${result[kind].message}`);
  }
  assert.match(result.wrongName.message, /no input `nonsense`; it has: /);
  assert.equal(result.gone.code, "disposed");
}

export const a_model_runs_on_cpu = (test) => runs(test, "cpu");
export const a_model_runs_on_wgpu = (test) => runs(test, "wgpu");

export const a_model_runs_without_a_worker = async ({ open }) => {
  const page = await open();
  const backend = await page.evaluate(async (url) => (await globalThis.hadal.Model.load(url, { backend: "cpu", worker: false })).backend, MAGIKA);
  assert.equal(backend, "cpu");
};

export const the_page_stays_responsive = async ({ open }) => {
  const page = await open();
  const longest = await page.evaluate(async () => {
    const model = await globalThis.hadal.Model.load("/models/minilm/model.safetensors", { backend: "cpu" });
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    await model.embed(Array.from({ length: 8 }, (_, i) => `sentence ${i} `.repeat(30)));
    clearInterval(timer);
    return longest;
  });
  console.log(`  the longest pause of the page was ${longest.toFixed(0)} ms`);
  assert.ok(longest < 500, `${longest} ms`);
};

export const a_lost_device_is_opened_again = async ({ open }) => {
  const page = await open();
  const result = await page.evaluate(async (url) => {
    const { Model, Tensor } = globalThis.hadal;
    const model = await Model.load(url, { backend: "wgpu" });
    const shape = model.inputs[0].shape.map((extent) => (typeof extent === "number" ? extent : 1));
    const run = () => model.run({ [model.inputs[0].name]: new Tensor(new Int32Array(shape.reduce((a, b) => a * b, 1)), shape) });
    const before = (await run()).get().toArray();
    await model.loseDevice();
    const result = await run();
    return { before, after: result.get().toArray(), recreated: result.recreated, again: (await run()).recreated };
  }, MAGIKA);
  assert.deepEqual([result.recreated, result.again], [true, false]);
  assert.deepEqual(result.after, result.before);
};

export const lowered_limits_give_the_same = async ({ open }) => {
  const page = await open();
  const [all, few] = await page.evaluate(async () => {
    const { Model } = globalThis.hadal;
    const results = [];
    // The table of words has 45 MiB, and a table cannot be cut.
    for (const limits of [{}, { defaults: true, maxBindingBytes: 48 << 20 }]) {
      const model = await Model.load("/models/minilm/model.safetensors", { backend: "wgpu", limits });
      results.push(Array.from((await model.embed(["limits are taken from the adapter"]))[0]));
      model.dispose();
    }
    return results;
  });
  assert.ok(Math.max(...all.map((value, i) => Math.abs(value - few[i]))) < 1e-4);
};

export const an_isolated_page_works_as_others_do = async ({ open }) => {
  const page = await open({ isolated: true });
  const result = await page.evaluate(async (url) => {
    const model = await globalThis.hadal.Model.load(url, { backend: "cpu" });
    return { isolated: crossOriginIsolated, backend: model.backend };
  }, MAGIKA);
  assert.equal(result.isolated, true);
  assert.equal(result.backend, "cpu");
};

export const several_models_run_at_once = async ({ open }) => {
  const page = await open();
  const results = await page.evaluate(async (url) => {
    const { Model, Tensor } = globalThis.hadal;
    const run = async (model, seed) => {
      const { name, shape } = model.inputs[0];
      const extents = shape.map((extent) => (typeof extent === "number" ? extent : 1));
      const data = Int32Array.from({ length: extents.reduce((a, b) => a * b, 1) }, (_, i) => (i * seed) % 256);
      return (await model.run({ [name]: new Tensor(data, extents) })).get().toArray();
    };
    const backends = ["cpu", "wgpu", "cpu"];
    const models = await Promise.all(backends.map((backend) => Model.load(url, { backend })));
    const seeds = [3, 7];
    const alone = [];
    for (const model of models) for (const seed of seeds) alone.push(await run(model, seed));
    // All at once, and one of them goes while its run is under way.
    const together = await Promise.all(models.flatMap((model) => seeds.map((seed) => run(model, seed))));
    const last = run(models[0], 3);
    models[0].dispose();
    return { backends: models.map((model) => model.backend), alone, together, last: await last, other: await run(models[2], 3) };
  }, MAGIKA);
  assert.deepEqual(results.backends, ["cpu", "wgpu", "cpu"]);
  assert.deepEqual(results.together, results.alone);
  assert.deepEqual([results.last, results.other], [results.alone[0], results.alone[0]]);
};

async function profiles({ open }, backend) {
  const page = await open({ isolated: true });
  const { launches, steps, sum } = await page.evaluate(
    async ([url, backend]) => {
      const { Model, Tensor } = globalThis.hadal;
      const model = await Model.load(url, { backend });
      const shape = model.inputs[0].shape.map((extent) => (typeof extent === "number" ? extent : 1));
      const input = () => ({ [model.inputs[0].name]: new Tensor(new Int32Array(shape.reduce((a, b) => a * b, 1)), shape) });
      const launches = await model.profile(input());
      const steps = (await model.plan({ [model.inputs[0].name]: shape })).steps.length;
      // Its times are those of launches that computed something, and runs go on as before.
      return { launches, steps, sum: (await model.run(input())).get().toArray().reduce((a, b) => a + b, 0) };
    },
    [MAGIKA, backend],
  );
  const total = launches.reduce((total, launch) => total + launch.milliseconds, 0);
  console.log(`  ${backend}: ${launches.length} launches of ${steps} steps, ${total.toFixed(1)} ms`);
  assert.ok(launches.length >= steps && total > 0, `${launches.length} launches, ${steps} steps, ${total} ms`);
  assert.ok(launches.every((launch) => launch.op !== "" && launch.kernel !== "" && launch.milliseconds >= 0));
  assert.ok(Math.abs(sum - 1) < 1e-3);
}

export const a_profile_has_the_time_of_each_launch_on_cpu = (test) => profiles(test, "cpu");
export const a_profile_has_the_time_of_each_launch_on_wgpu = (test) => profiles(test, "wgpu");
