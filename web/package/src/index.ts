/**
 * Hadal in the browser: one model graph on WebGPU or on WebAssembly.
 *
 * ```ts
 * const model = await Model.load("/models/minilm/model.safetensors");
 * const [a, b] = await model.embed(["The cat sleeps.", "A dog barks."]);
 * ```
 */

import { Client } from "./client.js";
import type { BackendInfo } from "./protocol.js";

export { HadalError, type HadalErrorCode } from "./error.js";
export { type LoadOptions, Model, RunResult } from "./model.js";
export type { BackendInfo, CacheMode, GraphNode, LaunchTime, Limits, ModelInfo, Plan, PlanStep, Port, Progress } from "./protocol.js";
export { type DType, Tensor, type TypedArray } from "./tensor.js";
export { DigitTrainer } from "./trainer.js";

/** What this page's machine offers, and why something is not available. */
export async function devices(options: { worker?: boolean } = {}): Promise<BackendInfo[]> {
  return await Client.shared(options.worker).call("devices", {});
}
