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
  const node = (globalThis as { process?: Process }).process;
  if (node?.versions?.node !== undefined && typeof document === "undefined" && node.getBuiltinModule !== undefined) {
    const bytes = await node.getBuiltinModule("node:fs/promises").readFile(address);
    await bindings.default({ module_or_path: bytes as BufferSource });
  } else {
    await bindings.default({ module_or_path: address });
  }
  return bindings;
}
