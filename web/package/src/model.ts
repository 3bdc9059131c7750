import { Client } from "./client.js";
import { HadalError } from "./error.js";
import type { CacheMode, GraphNode, LaunchTime, Limits, Loaded, ModelInfo, Plan, Port, Progress, WireTensor } from "./protocol.js";
import { Tensor } from "./tensor.js";

/** How a model is loaded. */
export interface LoadOptions {
  /** `auto` takes a GPU where there is a real one and the cpu otherwise; what was asked for by name is never replaced. */
  backend?: "auto" | "wgpu" | "cpu";
  onProgress?: (progress: Progress) => void;
  /** Ends the load. What arrived is kept, and the next load goes on from there. */
  signal?: AbortSignal;
  cache?: CacheMode;
  /** The file's SHA-256 in hexadecimal: another file is refused. */
  sha256?: string;
  /** Where the `config.json` of weights without a graph is; beside the file otherwise. */
  config?: string | URL;
  /** Where the `tokenizer.json` is; beside the file otherwise. */
  tokenizer?: string | URL;
  limits?: Limits;
  /** Most threads that the cpu backend computes this model with; `devices()` says how many there are. */
  threads?: number;
  /** `false` computes on the calling thread; for Node, and for pages that bring a worker of their own. */
  worker?: boolean;
}

/** What a run returned. */
export class RunResult implements Disposable {
  constructor(
    /** The tensors by name. */
    readonly outputs: Readonly<Record<string, Tensor>>,
    /** What computed them. */
    readonly backend: "wgpu" | "cpu",
    /** The name of that hardware. */
    readonly device: string,
    /** From the request's arrival in the worker to its last result. */
    readonly milliseconds: number,
    /** Whether the device was lost and the model made again. */
    readonly recreated: boolean,
  ) {}

  /** The output `name`, or the first. Throws `input` when there is none of that name. */
  get(name?: string): Tensor {
    const names = Object.keys(this.outputs);
    const found = this.outputs[name ?? (names[0] as string)];
    if (found === undefined) throw new HadalError("input", `the model has no output \`${name}\`; it has: ${names.join(", ")}`);
    return found;
  }

  dispose(): void {
    for (const tensor of Object.values(this.outputs)) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A model on a device. */
export class Model implements Disposable {
  readonly #client: Client;
  readonly #loaded: Loaded;
  readonly #url: string;
  #disposed = false;

  private constructor(client: Client, loaded: Loaded, url: string) {
    this.#client = client;
    this.#loaded = loaded;
    this.#url = url;
  }

  /**
   * Loads an ONNX file, a Hadal file, or a BERT's safetensors file with the config.json beside it.
   *
   * Throws `HadalError`; its `code` says what went wrong.
   */
  static async load(url: string | URL, options: LoadOptions = {}): Promise<Model> {
    const absolute = resolve(url);
    const client = Client.shared(options.worker);
    const { onProgress, signal } = options;
    const request = {
      url: absolute,
      backend: options.backend ?? "auto",
      cache: options.cache ?? "auto",
      sha256: options.sha256,
      config: options.config === undefined ? undefined : resolve(options.config),
      tokenizer: options.tokenizer === undefined ? undefined : resolve(options.tokenizer),
      limits: options.limits ?? {},
      threads: Math.max(0, Math.trunc(options.threads ?? 0)),
    };
    return new Model(client, await client.call("load", request, { onProgress, signal }), absolute);
  }

  /** Forgets a kept file, or all of them. */
  static async forget(url?: string | URL): Promise<void> {
    await Client.shared().call("forget", { url: url === undefined ? undefined : resolve(url) });
  }

  /** What computes. */
  get backend(): "wgpu" | "cpu" {
    return this.#loaded.backend;
  }

  /** The name of that hardware. */
  get device(): string {
    return this.#loaded.device;
  }

  /** Where it came from. */
  get url(): string {
    return this.#url;
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.#loaded.bytes;
  }

  /** Whether the file was kept from an earlier visit. */
  get cached(): boolean {
    return this.#loaded.cached;
  }

  get inputs(): readonly Port[] {
    return this.#loaded.info.inputs;
  }

  get outputs(): readonly Port[] {
    return this.#loaded.info.outputs;
  }

  get info(): ModelInfo {
    return this.#loaded.info;
  }

  /**
   * Runs the model on tensors by name. Their bytes are copied to the worker; with `transfer` they are moved, and the tensors are disposed of.
   *
   * Throws `input` for a name, shape or type that the model does not take; `device_lost`, `out_of_memory`.
   */
  async run(inputs: Readonly<Record<string, Tensor>>, options: { transfer?: boolean } = {}): Promise<RunResult> {
    const wire = onTheWire(inputs);
    const transfer = options.transfer === true ? [...new Set(wire.map((tensor) => tensor.bytes.buffer as ArrayBuffer))] : [];
    const running = this.#client.call("run", { model: this.#id(), inputs: wire }, { transfer });
    if (options.transfer === true) for (const tensor of Object.values(inputs)) tensor.dispose();
    const reply = await running;
    const outputs: Record<string, Tensor> = {};
    for (const output of reply.outputs) outputs[output.name] = Tensor.fromBytes(output.bytes, output.shape, output.dtype);
    return new RunResult(outputs, reply.backend, reply.device, reply.milliseconds, reply.recreated);
  }

  /**
   * One run with the time of each kernel launch, in order: by the page's clock on cpu, by the GPU's timestamps on wgpu, and none where it has none.
   *
   * Throws `input`, as `run`, and while another profile of the same device is under way.
   */
  async profile(inputs: Readonly<Record<string, Tensor>>): Promise<LaunchTime[]> {
    return await this.#client.call("profile", { model: this.#id(), inputs: onTheWire(inputs) });
  }

  /** One vector of length 1 for each text, by the tokenizer beside the model. Throws `unsupported`, `http`. */
  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    if (texts.length === 0) return [];
    const { vectors, width } = await this.#client.call("embed", { model: this.#id(), texts: [...texts] });
    return texts.map((_, i) => vectors.subarray(i * width, (i + 1) * width));
  }

  /** The token ids of each text. */
  async tokenize(texts: readonly string[]): Promise<number[][]> {
    return await this.#client.call("tokenize", { model: this.#id(), texts: [...texts] });
  }

  /** The graph's nodes, operands first. */
  async nodes(): Promise<GraphNode[]> {
    return await this.#client.call("nodes", { model: this.#id() });
  }

  /** What would run for inputs of these shapes. Throws `input`. */
  async plan(shapes: Readonly<Record<string, readonly number[]>>): Promise<Plan> {
    return await this.#client.call("plan", { model: this.#id(), shapes });
  }

  /** Destroys the device, as a driver's reset would: for testing what a page does then. */
  async loseDevice(): Promise<void> {
    await this.#client.call("lose", { model: this.#id() });
  }

  /** Gives the memory back. Runs under way end first. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    void this.#client.call("dispose", { model: this.#loaded.model }).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #id(): number {
    if (this.#disposed) throw new HadalError("disposed", "this model was disposed of\n  hint: load it again");
    return this.#loaded.model;
  }
}

function onTheWire(inputs: Readonly<Record<string, Tensor>>): WireTensor[] {
  return Object.entries(inputs).map(([name, tensor]) => {
    if (!(tensor instanceof Tensor)) {
      throw new HadalError("input", `the input \`${name}\` is no Tensor\n  hint: new Tensor(typedArray, shape)`);
    }
    return { name, dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.bytes };
  });
}

/** An absolute address; what is relative is so to the page. Throws `input`. */
function resolve(url: string | URL): string {
  const base = (globalThis as { document?: { baseURI: string } }).document?.baseURI ?? (globalThis as { location?: { href: string } }).location?.href;
  try {
    return new URL(url, base).href;
  } catch {
    throw new HadalError("input", `\`${String(url)}\` is no address\n  hint: give an absolute one`);
  }
}
