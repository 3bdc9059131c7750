// The wasm module, loaded once for each worker: the one with threads where there may be some, the other where not.

import { HadalError } from "./error.js";
import { builtin } from "./node.js";
import { type Help, Team, type Threads, whyAlone } from "./team.js";
import * as threaded from "./wasm/hadal_threads.js";
import * as single from "./wasm/hadal_web.js";

export type Wasm = typeof single;

let loaded: Promise<Wasm> | undefined;

/** The module, ready to be called. Throws `worker` when it cannot be loaded. */
export function wasm(): Promise<Wasm> {
  loaded ??= load().catch((error: unknown) => {
    loaded = undefined;
    throw new HadalError("worker", `the wasm module cannot be loaded: ${text(error)}\n  hint: serve hadal_web_bg.wasm beside the script; the page's policy must allow 'wasm-unsafe-eval'`, {
      cause: error,
    });
  });
  return loaded;
}

let own: WebAssembly.Memory | undefined;
let relaxed = false;
/** What helpers start with, where there may be some. */
let help: Help | undefined;
let team: Team | undefined;
let alone = "";

/** Bytes of the module's memory, which grows and never shrinks. */
export function wasmBytes(): number {
  return own?.buffer.byteLength ?? 0;
}

/** Whether matrix products use the relaxed vector instructions of WebAssembly. */
export function isRelaxed(): boolean {
  return relaxed;
}

/** Starts the helpers, once the module is loaded, where there may be some: each takes memory, so a page without work for them has none. */
export function startHelpers(): Team | undefined {
  if (help !== undefined) team ??= new Team(help);
  return team;
}

/** How many threads compute, and why not more, once the module is loaded. */
export async function threads(): Promise<Threads> {
  return (await startHelpers()?.threads()) ?? { count: 1, reason: alone };
}

async function load(): Promise<Wasm> {
  const why = whyAlone();
  if (why === undefined) {
    try {
      return await loadThreaded();
    } catch (error) {
      alone = `the module with threads cannot be loaded: ${text(error)}`;
    }
  } else {
    alone = why;
  }
  const address = new URL("./wasm/hadal_web_bg.wasm", import.meta.url);
  const { memory } = await single.default({ module_or_path: (await read(address)) ?? address });
  own = memory;
  await loadRelaxed(single, memory, new URL("./wasm/hadal_relaxed.wasm", import.meta.url));
  return single;
}

async function loadThreaded(): Promise<Wasm> {
  // It exports all that the other does.
  const bindings = threaded as unknown as Wasm;
  const address = new URL("./wasm/hadal_threads_bg.wasm", import.meta.url);
  const bytes = await read(address);
  // A server that does not say that it is WebAssembly is put up with.
  const streamed = () => WebAssembly.compileStreaming(fetch(address)).catch(async () => WebAssembly.compile(await (await fetch(address)).arrayBuffer()));
  const module = await (bytes === undefined ? streamed() : WebAssembly.compile(bytes));
  const { memory } = threaded.initSync({ module });
  own = memory;
  const kernel = await loadRelaxed(bindings, memory, new URL("./wasm/hadal_relaxed_shared.wasm", import.meta.url));
  help = { module, memory, relaxed: kernel };
  return bindings;
}

/** Engines that have relaxed vector instructions get a kernel with them; without it, or where it cannot be had, all works as well and slower. */
async function loadRelaxed(bindings: Wasm, memory: WebAssembly.Memory, address: URL): Promise<WebAssembly.Module | undefined> {
  try {
    const bytes = (await read(address)) ?? (await (await fetch(address)).arrayBuffer());
    if (!WebAssembly.validate(bytes)) return undefined;
    const module = await WebAssembly.compile(bytes);
    relaxed = bindings.useRelaxed((await WebAssembly.instantiate(module, { env: { memory } })).exports);
    return relaxed ? module : undefined;
  } catch {
    relaxed = false;
    return undefined;
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The bytes of a file of the package, where a file is not fetched. */
async function read(address: URL): Promise<BufferSource | undefined> {
  return (await builtin?.("node:fs/promises").readFile(address)) as BufferSource | undefined;
}
