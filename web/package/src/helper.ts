// A thread: a worker on the memory of the one that started it, which it helps to compute until it is ended.

import type { Help, Helped } from "./team.js";
import * as bindings from "./wasm/hadal_threads.js";

const scope = self as unknown as { postMessage(message: Helped): void; onmessage: ((event: MessageEvent<Help>) => void) | null; close(): void };
/** Bytes, as many as the worker's own stack has that it helps. */
const STACK = 1 << 20;

scope.onmessage = async ({ data: { module, memory, relaxed } }) => {
  let joined = false;
  try {
    bindings.initSync({ module, memory, thread_stack_size: STACK });
    if (relaxed !== undefined) bindings.useRelaxed((await WebAssembly.instantiate(relaxed, { env: { memory } })).exports);
    bindings.joinTeam();
    joined = true;
    scope.postMessage({ ready: true });
    for (;;) {
      bindings.help();
      // The browser has things to do here, too: who measures a page's memory waits for all of its workers.
      await new Promise((resolve) => setTimeout(resolve));
    }
  } catch (error) {
    if (joined) bindings.leaveTeam();
    scope.postMessage({ ready: false, reason: error instanceof Error ? error.message : String(error) });
    scope.close();
  }
};
