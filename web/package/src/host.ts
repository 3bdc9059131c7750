// What does the work: in a worker, or in the page itself where there are none.

import { Arrival } from "./arrival.js";
import { download, type Sink, text } from "./download.js";
import { HadalError } from "./error.js";
import type { Answer, BackendInfo, EmbedReply, GraphNode, LaunchTime, Limits, Loaded, LoadRequest, Message, ModelInfo, Plan, Progress, Requests, RunReply, WireTensor } from "./protocol.js";
import { Store } from "./store.js";
import type { DType } from "./tensor.js";
import { Tokenizer } from "./tokenizer.js";
import { isRelaxed, startHelpers, threads, wasm, wasmBytes } from "./wasm.js";
import type { DigitTrainer, Engine, Session } from "./wasm/hadal_web.js";

type Handlers = { [K in keyof Requests]: (take: Requests[K]["take"], call: Call) => Promise<Requests[K]["bring"]> };

/** Texts that are embedded together. */
const BATCH = 16;

/** Outputs that hold one vector for each text or token, best first. */
const VECTORS = ["sentence_embedding", "last_hidden_state", "token_embeddings"];

/** Whether there may be WebGPU: in pages and their workers, and elsewhere if the program has put it where a page has it. */
function mayHaveGpu(): boolean {
  if ("Window" in globalThis || "WorkerGlobalScope" in globalThis) return true;
  if ((globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu === undefined) return false;
  // The wasm half asks whether it is in a page before it asks for `navigator.gpu`.
  class Page {
    static [Symbol.hasInstance](value: unknown): boolean {
      return value === globalThis;
    }
  }
  Object.defineProperty(globalThis, "Window", { value: Page, configurable: true });
  return true;
}

const NO_GPU =
  "there is no `navigator.gpu` here\n  hint: use the cpu backend; in Node, the package `webgpu` has it (see the README)";

interface Call {
  signal: AbortSignal;
  report(progress: Progress): void;
}

interface Model {
  request: LoadRequest;
  engine: Engine;
  session: Session;
  info: ModelInfo;
  tokenizer?: Promise<{ tokenizer: Tokenizer; firstToken: boolean }>;
  /** Runs under way: the session lives until the last has ended. */
  running: number;
  disposed: boolean;
}

/** The models, trainers and devices of a page. */
export class Host {
  readonly #engines = new Map<string, Promise<Engine>>();
  readonly #models = new Map<number, Model>();
  readonly #trainers = new Map<number, DigitTrainer>();
  readonly #calls = new Map<number, AbortController>();
  #next = 1;

  constructor(private readonly send: (answer: Answer, transfer: Transferable[]) => void) {}

  /** Takes a message and answers it; never throws. */
  async handle(message: Message): Promise<void> {
    const { id } = message;
    if (message.kind === "abort") {
      this.#calls.get(id)?.abort();
      return;
    }
    const abort = new AbortController();
    this.#calls.set(id, abort);
    const call: Call = { signal: abort.signal, report: (progress) => this.send({ id, progress }, []) };
    try {
      const handler = this.#handlers[message.kind] as (take: unknown, call: Call) => Promise<unknown>;
      const value = await handler(message.take, call);
      this.send({ id, value }, transferable(value));
    } catch (error) {
      const { code, message: text } = HadalError.from(error);
      this.send({ id, error: { code, message: text } }, []);
    } finally {
      this.#calls.delete(id);
    }
  }

  readonly #handlers: Handlers = {
    devices: async () => {
      const module = await wasm();
      const none: BackendInfo = { backend: "wgpu", available: false, devices: [], reason: NO_GPU };
      const cpu: BackendInfo = { backend: "cpu", available: true, devices: [{ id: "cpu:0", name: "CPU", kind: "Cpu", features: [] }], reason: null };
      const listed = mayHaveGpu() ? (JSON.parse(await module.devices()) as BackendInfo[]) : [none, cpu];
      const team = await threads();
      const features = isRelaxed() ? ["simd128", "relaxed-simd"] : ["simd128"];
      return listed.map((info) => (info.backend === "cpu" ? { ...info, threads: team, memory: wasmBytes(), devices: info.devices.map((device) => ({ ...device, features })) } : info));
    },
    load: (take, call) => this.#load(take, call),
    run: (take) => this.#run(take.model, take.inputs),
    profile: (take) =>
      this.#using(this.#model(take.model), async (session) => {
        const times = await session.profile(header(take.inputs), take.inputs.map((input) => input.bytes));
        return JSON.parse(times) as LaunchTime[];
      }),
    embed: (take) => this.#embed(take.model, take.texts),
    tokenize: async (take) => {
      const { tokenizer } = await this.#tokenizer(this.#model(take.model));
      return take.texts.map((text) => tokenizer.encode(text));
    },
    nodes: async (take) => JSON.parse(this.#model(take.model).session.nodes()) as GraphNode[],
    plan: async (take) => JSON.parse(this.#model(take.model).session.plan(JSON.stringify(take.shapes))) as Plan,
    dispose: async (take) => {
      const model = this.#models.get(take.model);
      this.#models.delete(take.model);
      if (model !== undefined) {
        model.disposed = true;
        if (model.running === 0) model.session.free();
      }
      return null;
    },
    lose: async (take) => {
      this.#model(take.model).engine.destroy();
      return null;
    },
    forget: async (take) => {
      await (await Store.open())?.forget(take.url);
      return null;
    },
    trainer: async (take) => {
      const engine = await this.#engine(take.backend, {}, 0);
      const trainer = this.#next++;
      this.#trainers.set(trainer, new (await wasm()).DigitTrainer(engine, take.seed));
      return { trainer, backend: engine.backend as "wgpu" | "cpu" };
    },
    step: (take) => this.#trainer(take.trainer).step(take.images, take.labels),
    probabilities: (take) => this.#trainer(take.trainer).probabilities(take.images),
    weights: (take) => this.#trainer(take.trainer).save(),
    release: async (take) => {
      this.#trainers.get(take.trainer)?.free();
      this.#trainers.delete(take.trainer);
      return null;
    },
  };

  #engine(asked: string, limits: Limits, threads: number): Promise<Engine> {
    if (asked === "wgpu" && !mayHaveGpu()) return Promise.reject(new HadalError("device", `no wgpu device: ${NO_GPU}`));
    const backend = asked === "auto" && !mayHaveGpu() ? "cpu" : asked;
    const key = JSON.stringify([backend, limits, threads]);
    let engine = this.#engines.get(key);
    if (engine === undefined) {
      engine = wasm().then(async (module) => {
        const engine = await module.Engine.open(backend, limits.defaults ?? false, limits.maxBindingBytes ?? 0, threads);
        if (engine.backend === "cpu" && threads !== 1) startHelpers();
        return engine;
      });
      engine.catch(() => this.#engines.delete(key));
      this.#engines.set(key, engine);
    }
    return engine;
  }

  #model(id: number): Model {
    const model = this.#models.get(id);
    if (model === undefined) throw new HadalError("disposed", "this model was disposed of\n  hint: load it again");
    return model;
  }

  #trainer(id: number): DigitTrainer {
    const trainer = this.#trainers.get(id);
    if (trainer === undefined) throw new HadalError("disposed", "this network was disposed of\n  hint: make another");
    return trainer;
  }

  async #load(request: LoadRequest, call: Call): Promise<Loaded> {
    const { engine, session, bytes, cached } = await this.#prepare(request, call);
    const info = JSON.parse(session.describe()) as ModelInfo;
    if (call.signal.aborted) {
      session.free();
      throw aborted(request.url);
    }
    const model = this.#next++;
    this.#models.set(model, { request, engine, session, info, running: 0, disposed: false });
    return { model, backend: engine.backend as "wgpu" | "cpu", device: engine.name, bytes, cached, info };
  }

  async #prepare(request: LoadRequest, call: Call): Promise<{ engine: Engine; session: Session; bytes: number; cached: boolean }> {
    const { url } = request;
    const [module, engine] = await Promise.all([wasm(), this.#engine(request.backend, request.limits, request.threads)]);
    const options = { cache: request.cache, signal: call.signal, report: call.report };
    const beside = request.config ?? neighbour(url, "config.json");
    const config = async () => (beside === undefined ? undefined : await text(beside, options));
    const store = request.cache === "none" ? undefined : await Store.open();
    const arrival = new Arrival(module, engine, { name: url, hashed: request.sha256 !== undefined, kept: store !== undefined, config });
    const forget = async () => (await Store.open())?.forget(url);
    const again = async (sink: Sink) => {
      // What was fetched anew is not fetched once more.
      const cache = request.cache === "reload" ? "auto" : request.cache;
      await download(url, sink, { ...options, cache, report: () => undefined });
    };
    try {
      const { bytes, cached } = await download(url, arrival, options);
      if (arrival.leftOut && (await store?.entry(url))?.complete !== true) {
        // There was no room to keep it.
        arrival.gather();
        await again(arrival);
      }
      const found = arrival.sha256();
      if (request.sha256 !== undefined && found !== request.sha256.toLowerCase()) {
        throw new HadalError("integrity", `${url} has the SHA-256 ${found}, but ${request.sha256} was asked for\n  hint: the file changed or was damaged on its way; nothing of it is kept`);
      }
      if (call.signal.aborted) throw aborted(url);
      call.report({ phase: "prepare", loaded: bytes, total: bytes });
      return { engine, session: await arrival.finish(again), bytes, cached };
    } catch (thrown) {
      const error = HadalError.from(thrown);
      arrival.fail(error);
      // A damaged file must not be taken from the store for ever.
      if (["format", "truncated", "integrity"].includes(error.code)) await forget();
      throw error;
    }
  }

  async #run(id: number, inputs: WireTensor[]): Promise<RunReply> {
    const model = this.#model(id);
    const start = performance.now();
    let recreated = false;
    let outputs: WireTensor[];
    try {
      outputs = await this.#once(model, inputs);
    } catch (error) {
      if ((error as { code?: string }).code !== "device_lost") throw error;
      await this.#recreate(model, error as Error);
      recreated = true;
      outputs = await this.#once(model, inputs);
    }
    const { backend, name } = model.engine;
    return { outputs, backend: backend as "wgpu" | "cpu", device: name, milliseconds: performance.now() - start, recreated };
  }

  async #once(model: Model, inputs: WireTensor[]): Promise<WireTensor[]> {
    return await this.#using(model, async (session) => {
      const [results, ...bytes] = (await session.run(header(inputs), inputs.map((input) => input.bytes))) as [string, ...Uint8Array[]];
      const described = JSON.parse(results) as { name: string; dtype: DType; shape: number[] }[];
      return described.map((output, i) => ({ ...output, bytes: bytes[i] as Uint8Array }));
    });
  }

  /** Uses a model's session, which lives until the last use of it has ended. */
  async #using<T>(model: Model, use: (session: Session) => Promise<T>): Promise<T> {
    const { session } = model;
    model.running += 1;
    try {
      return await use(session);
    } finally {
      model.running -= 1;
      if (model.running === 0 && (model.disposed || model.session !== session)) session.free();
    }
  }

  /** Opens the device once more and loads the model again, from the store if it is there. */
  async #recreate(model: Model, lost: Error): Promise<void> {
    for (const [key, engine] of this.#engines) {
      if ((await engine.catch(() => undefined)) === model.engine) this.#engines.delete(key);
    }
    try {
      const call = { signal: new AbortController().signal, report: () => undefined };
      const { engine, session } = await this.#prepare(model.request, call);
      if (model.running === 0) model.session.free();
      Object.assign(model, { engine, session });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new HadalError("device_lost", `${lost.message}\n  and the model could not be made again: ${reason}`, { cause: error });
    }
  }

  #tokenizer(model: Model): Promise<{ tokenizer: Tokenizer; firstToken: boolean }> {
    model.tokenizer ??= (async () => {
      const { request } = model;
      const url = request.tokenizer ?? neighbour(request.url, "tokenizer.json");
      if (url === undefined) throw new HadalError("input", "a file of this page has no tokenizer beside it\n  hint: pass `tokenizer` to Model.load");
      const options = { cache: request.cache, signal: new AbortController().signal, report: () => undefined };
      const source = await text(url, options);
      if (source === undefined) {
        throw new HadalError("http", `there is no tokenizer at ${url}\n  hint: put the model's tokenizer.json there, or pass \`tokenizer\` to Model.load`);
      }
      const settings = neighbour(request.url, "1_Pooling/config.json");
      const pooling = settings === undefined ? undefined : await text(settings, options);
      const firstToken = pooling !== undefined && (JSON.parse(pooling) as { pooling_mode_cls_token?: boolean }).pooling_mode_cls_token === true;
      return { tokenizer: new Tokenizer(source, url), firstToken };
    })();
    model.tokenizer.catch(() => delete model.tokenizer);
    return model.tokenizer;
  }

  async #embed(id: number, texts: string[]): Promise<EmbedReply> {
    const model = this.#model(id);
    if (!model.info.inputs.some((input) => input.name === "input_ids")) {
      throw new HadalError("unsupported", "the model takes no tokens: it has no input `input_ids`\n  hint: load a sentence-embedding model, such as MiniLM");
    }
    const { tokenizer, firstToken } = await this.#tokenizer(model);
    const encoded = texts.map((text) => tokenizer.encode(text));
    // Texts of like length go together, so that little is padded.
    const order = encoded.map((_, i) => i).sort((a, b) => (encoded[a] as number[]).length - (encoded[b] as number[]).length);
    let vectors = new Float32Array(0);
    let width = 0;
    for (let first = 0; first < order.length; first += BATCH) {
      const batch = order.slice(first, first + BATCH);
      const tokens = batch.map((i) => encoded[i] as number[]);
      const pooled = pool(await this.#run(id, this.#inputs(model.info, tokens)), tokens, firstToken);
      if (width === 0) {
        width = pooled.width;
        vectors = new Float32Array(width * texts.length);
      }
      batch.forEach((i, row) => vectors.set(pooled.vectors.subarray(row * width, (row + 1) * width), i * width));
    }
    return { vectors, width, backend: model.engine.backend as "wgpu" | "cpu" };
  }

  #inputs(info: ModelInfo, tokens: number[][]): WireTensor[] {
    const longest = Math.max(...tokens.map((row) => row.length));
    return info.inputs.map(({ name, dtype }) => {
      const value = { input_ids: (id: number) => id, attention_mask: () => 1, token_type_ids: () => 0 }[name];
      if (value === undefined || !["i64", "i32"].includes(dtype)) {
        throw new HadalError("unsupported", `the model wants an input \`${name}\` of ${dtype}, which no tokenizer gives\n  hint: use run()`);
      }
      const data = dtype === "i64" ? new BigInt64Array(tokens.length * longest) : new Int32Array(tokens.length * longest);
      tokens.forEach((row, i) =>
        row.forEach((id, j) => {
          data[i * longest + j] = (dtype === "i64" ? BigInt(value(id)) : value(id)) as never;
        }),
      );
      return { name, dtype, shape: [tokens.length, longest], bytes: new Uint8Array(data.buffer) };
    });
  }
}

/** What the wasm half is told of tensors whose bytes it gets beside. */
function header(inputs: WireTensor[]): string {
  return JSON.stringify(inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })));
}

/** One vector of length 1 for each text. */
function pool(reply: RunReply, tokens: number[][], firstToken: boolean): { vectors: Float32Array; width: number } {
  const find = (name: string) => reply.outputs.find((output) => output.name === name);
  const output = VECTORS.map(find).find((found) => found !== undefined) ?? reply.outputs[0];
  if (output === undefined || output.dtype !== "f32" || ![2, 3].includes(output.shape.length)) {
    throw new HadalError("unsupported", "the model has no output with one vector for each token\n  hint: use run()");
  }
  const values = new Float32Array(output.bytes.slice().buffer);
  const width = output.shape.at(-1) as number;
  const length = output.shape.length === 3 ? (output.shape[1] as number) : 1;
  const vectors = new Float32Array(tokens.length * width);
  tokens.forEach((row, text) => {
    const kept = output.shape.length === 3 && !firstToken ? row.length : 1;
    const vector = vectors.subarray(text * width, (text + 1) * width);
    for (let token = 0; token < kept; token += 1) {
      const from = (text * length + token) * width;
      for (let i = 0; i < width; i += 1) vector[i] = (vector[i] as number) + (values[from + i] as number);
    }
    const norm = Math.max(Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)), 1e-12);
    vector.forEach((value, i) => (vector[i] = value / norm));
  });
  return { vectors, width };
}

/** The address of a file beside another; what the page holds itself (`blob:`, `data:`) has no neighbours. */
function neighbour(url: string, name: string): string | undefined {
  return /^https?:/.test(url) ? new URL(name, url).href : undefined;
}

function aborted(url: string): HadalError {
  return new HadalError("aborted", `loading ${url} was aborted\n  hint: load it again; the file is kept where the page may keep it`);
}

/** The memory that can go to the page without a copy. */
function transferable(value: unknown): Transferable[] {
  if (value instanceof Float32Array || value instanceof Uint8Array) return [value.buffer as ArrayBuffer];
  const reply = value as Partial<RunReply & EmbedReply> | null;
  if (reply?.outputs !== undefined) return reply.outputs.map((output) => output.bytes.buffer as ArrayBuffer);
  return reply?.vectors !== undefined ? [reply.vectors.buffer as ArrayBuffer] : [];
}
