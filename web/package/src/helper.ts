// A thread: a worker on the memory of the one that started it, which it helps to compute until it is ended.

import { builtin, type Port } from "./node.js";
import type { Help, Helped } from "./team.js";
import * as bindings from "./wasm/hadal_threads.js";

const scope: Port = builtin?.("node:worker_threads").parentPort ?? (self as unknown as Port);
const say = (said: Helped) => scope.postMessage(said);
/** Bytes, as many as the worker's own stack has that it helps. */
const STACK = 1 << 20;

scope.onmessage = async ({ data: { module, memory, relaxed } }: MessageEvent<Help>) => {
  let joined = false;
  try {
    bindings.initSync({ module, memory, thread_stack_size: STACK });
    if (relaxed !== undefined) bindings.useRelaxed((await WebAssembly.instantiate(relaxed, { env: { memory } })).exports);
    bindings.joinTeam();
    joined = true;
    say({ ready: true });
    for (;;) {
      bindings.help();
      // The browser has things to do here, too: who measures a page's memory waits for all of its workers.
      await new Promise((resolve) => setTimeout(resolve));
    }
  } catch (error) {
    if (joined) bindings.leaveTeam();
    say({ ready: false, reason: error instanceof Error ? error.message : String(error) });
    scope.close();
  }
};
