// The wasm module, loaded once for each worker.

import { HadalError } from "./error.js";
import * as bindings from "./wasm/hadal_web.js";

export type Wasm = typeof bindings;

let loaded: Promise<Wasm> | undefined;

/** The module, ready to be called. Throws `worker` when it cannot be loaded. */
export function wasm(): Promise<Wasm> {
  loaded ??= load().catch((error: unknown) => {
    loaded = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new HadalError("worker", `the wasm module cannot be loaded: ${reason}\n  hint: serve hadal_web_bg.wasm beside the script; the page's policy must allow 'wasm-unsafe-eval'`, {
      cause: error,
    });
  });
  return loaded;
}

interface Process {
  versions?: { node?: string };
  getBuiltinModule?(name: string): { readFile(url: URL): Promise<Uint8Array> };
}

async function load(): Promise<Wasm> {
  const address = new URL("./wasm/hadal_web_bg.wasm", import.meta.url);
  const source = inNode() ? await read(address) : address;
  const { memory } = await bindings.default({ module_or_path: source as BufferSource | URL });
  own = memory;
  await loadRelaxed(memory);
  return bindings;
}

let own: WebAssembly.Memory | undefined;
let relaxed = false;

/** Bytes of the module's memory, which grows and never shrinks. */
export function wasmBytes(): number {
  return own?.buffer.byteLength ?? 0;
}

/** Whether matrix products use the relaxed vector instructions of WebAssembly. */
export function isRelaxed(): boolean {
  return relaxed;
}

/** Engines that have relaxed vector instructions get a kernel with them; without it, or where it cannot be had, all works as well and slower. */
async function loadRelaxed(memory: WebAssembly.Memory): Promise<void> {
  const address = new URL("./wasm/hadal_relaxed.wasm", import.meta.url);
  try {
    const bytes = (inNode() ? await read(address) : await (await fetch(address)).arrayBuffer()) as BufferSource;
    if (!WebAssembly.validate(bytes)) return;
    const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
    relaxed = bindings.useRelaxed(instance.exports);
  } catch {
    relaxed = false;
  }
}

function inNode(): boolean {
  const node = (globalThis as { process?: Process }).process;
  return node?.versions?.node !== undefined && typeof document === "undefined" && node.getBuiltinModule !== undefined;
}

async function read(address: URL): Promise<Uint8Array> {
  const node = (globalThis as { process?: Process }).process as Required<Process>;
  return await node.getBuiltinModule("node:fs/promises").readFile(address);
}
