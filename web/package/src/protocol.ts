// What the page and the worker say to each other.

import type { HadalErrorCode } from "./error.js";
import type { DType } from "./tensor.js";

/** A tensor on its way. */
export interface WireTensor {
  name: string;
  dtype: DType;
  shape: readonly number[];
  bytes: Uint8Array;
}

/** An input or output of a model; a free extent is a text. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

/** What a model is. */
export interface ModelInfo {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Nodes of the graph. */
  readonly nodes: number;
  /** Kernels of a run. */
  readonly steps: number;
  /** Tensors of weights. */
  readonly parameters: number;
}

/** How far a load is. */
export interface Progress {
  readonly phase: "download" | "cache" | "prepare";
  /** Bytes that are there. */
  readonly loaded: number;
  /** Bytes in all, or 0 where the server does not say. */
  readonly total: number;
  /** Something that did not work and was done without: the file could not be kept, for example. */
  readonly warning?: string;
}

/** Lowered limits, for tests and for measuring. */
export interface Limits {
  /** WebGPU's default limits and no optional features, whatever the adapter has. */
  readonly defaults?: boolean;
  /** Most bytes of one binding. */
  readonly maxBindingBytes?: number;
}

/** Where files are kept between visits. */
export type CacheMode =
  /** Kept where there is room, and taken from there. */
  | "auto"
  /** Neither kept nor taken from there. */
  | "none"
  /** Fetched anew, then kept. */
  | "reload"
  /** As `auto`, but an error where there is no room. */
  | "require";

/** What to load and how. */
export interface LoadRequest {
  url: string;
  backend: "auto" | "wgpu" | "cpu";
  cache: CacheMode;
  sha256: string | undefined;
  config: string | undefined;
  tokenizer: string | undefined;
  limits: Limits;
  /** Most threads; 0: all. */
  threads: number;
}

/** A model in the worker. */
export interface Loaded {
  model: number;
  backend: "wgpu" | "cpu";
  device: string;
  bytes: number;
  cached: boolean;
  info: ModelInfo;
}

/** What a run brings. */
export interface RunReply {
  outputs: WireTensor[];
  backend: "wgpu" | "cpu";
  device: string;
  milliseconds: number;
  recreated: boolean;
}

/** What an embedding brings: one vector for each text, one after another. */
export interface EmbedReply {
  vectors: Float32Array;
  width: number;
  backend: "wgpu" | "cpu";
}

/** A node of a graph. */
export interface GraphNode {
  readonly id: number;
  readonly op: string;
  readonly name: string | null;
  /** Its operands' ids; all smaller than its own. */
  readonly inputs: readonly number[];
  readonly types: readonly string[];
}

/** A step of a plan. */
export interface PlanStep {
  readonly label: string;
  readonly kernel: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly flops: number;
}

/** The plan for one set of shapes. */
export interface Plan {
  readonly steps: readonly PlanStep[];
  /** Bytes of intermediate results. */
  readonly arena: number;
  /** Bytes of weights. */
  readonly weights: number;
}

/** What one kernel launch of a run took. */
export interface LaunchTime {
  /** The fused ops. */
  readonly op: string;
  readonly kernel: string;
  readonly milliseconds: number;
  readonly bytes: number;
  readonly flops: number;
}

/** What a backend offers here. */
export interface BackendInfo {
  readonly backend: "wgpu" | "cpu";
  readonly available: boolean;
  readonly devices: readonly { id: string; name: string; kind: string; features: readonly string[] }[];
  /** Why it is not available. */
  readonly reason: string | null;
  /** For cpu: bytes of WebAssembly memory that are reserved. It grows and never shrinks, so this is the most that was needed so far. */
  readonly memory?: number;
  /** For cpu: how many threads compute, and why not more. */
  readonly threads?: { readonly count: number; readonly reason: string };
}

/** Each request, by name: what it takes and what it brings. */
export interface Requests {
  devices: { take: Record<string, never>; bring: BackendInfo[] };
  load: { take: LoadRequest; bring: Loaded };
  run: { take: { model: number; inputs: WireTensor[] }; bring: RunReply };
  profile: { take: { model: number; inputs: WireTensor[] }; bring: LaunchTime[] };
  embed: { take: { model: number; texts: string[] }; bring: EmbedReply };
  tokenize: { take: { model: number; texts: string[] }; bring: number[][] };
  nodes: { take: { model: number }; bring: GraphNode[] };
  plan: { take: { model: number; shapes: Record<string, readonly number[]> }; bring: Plan };
  dispose: { take: { model: number }; bring: null };
  lose: { take: { model: number }; bring: null };
  forget: { take: { url: string | undefined }; bring: null };
  trainer: { take: { backend: "auto" | "wgpu" | "cpu"; seed: number }; bring: { trainer: number; backend: "wgpu" | "cpu" } };
  step: { take: { trainer: number; images: Float32Array; labels: Int32Array }; bring: number };
  probabilities: { take: { trainer: number; images: Float32Array }; bring: Float32Array };
  weights: { take: { trainer: number }; bring: Uint8Array };
  release: { take: { trainer: number }; bring: null };
}

/** From the page. */
export type Message =
  | { [K in keyof Requests]: { id: number; kind: K; take: Requests[K]["take"] } }[keyof Requests]
  | { id: number; kind: "abort" };

/** From the worker. */
export type Answer =
  | { id: number; value: unknown }
  | { id: number; progress: Progress }
  | { id: number; error: { code: HadalErrorCode; message: string } };
