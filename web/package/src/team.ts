// The threads: workers that share the module's memory.

import { builtin } from "./node.js";

/** What a helper starts with. */
export interface Help {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** The kernel with relaxed vector instructions; each thread has an instance of its own. */
  relaxed: WebAssembly.Module | undefined;
}

/** What a helper says: that it is there, or why it is not or no more. */
export type Helped = { ready: true } | { ready: false; reason: string };

/** How many threads compute, and why not more. */
export interface Threads {
  readonly count: number;
  readonly reason: string;
}

/** Each thread takes memory, and what a page computes seldom keeps more of them busy. */
const MOST = 8;

/** A helper that has not said anything for so long is not waited for; it may still come. */
const PATIENCE = 10_000;

/** Why the caller's thread computes alone; `undefined` where it may have helpers. */
export function whyAlone(): string | undefined {
  if (typeof document !== "undefined") return "it computes on the page's own thread, which must not wait for others\n  hint: leave out `worker: false`";
  if (builtin !== undefined) {
    if ((globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu !== undefined) return "Node's WebGPU takes nothing from memory that threads share";
  } else {
    if (!("WorkerGlobalScope" in globalThis) || typeof Worker === "undefined") return "only workers of a browser share memory here";
    if (!globalThis.crossOriginIsolated || typeof SharedArrayBuffer === "undefined") {
      return "the page is not cross-origin isolated, so its workers may not share memory\n  hint: serve it with `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`";
    }
  }
  return processors() > 1 ? undefined : "the machine has one processor";
}

function processors(): number {
  return builtin?.("node:os").availableParallelism() ?? navigator.hardwareConcurrency;
}

/** A worker that is about to help: `said` hears what it says, `failed` why it cannot even say that. */
function begin(help: Help, said: (said: Helped) => void, failed: (reason: string) => void): void {
  if (builtin !== undefined) {
    // Not in the form in which bundlers look for workers: they have found this file below, and Node has it as it is.
    const worker = new (builtin("node:worker_threads").Worker)(new URL(import.meta.url.replace(/team\.js$/, "helper.js")));
    worker.on("message", (message) => said(message as Helped));
    worker.on("error", (error) => failed(String(error)));
    worker.postMessage(help);
    // A program ends when it has nothing more to do.
    worker.unref();
    return;
  }
  const worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module", name: "hadal helper" });
  worker.onmessage = ({ data }: MessageEvent<Helped>) => said(data);
  worker.onerror = (event) => {
    event.preventDefault();
    failed(event.message || "the page's policy must allow workers from this address");
  };
  worker.postMessage(help);
}

/** The helpers of one module. */
export class Team {
  readonly #wanted = Math.min(processors(), MOST) - 1;
  #helpers = 0;
  #reason: string | undefined;
  readonly #settled: Promise<unknown>;

  /** Starts them, and does not wait until they are there: who comes late helps from then on. */
  constructor(help: Help) {
    const all = Promise.all(Array.from({ length: this.#wanted }, () => this.#start(help)));
    let patience: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => (patience = setTimeout(resolve, PATIENCE)));
    this.#settled = Promise.race([all, late]).finally(() => clearTimeout(patience));
  }

  /** How many there are, once each has come or failed. */
  async threads(): Promise<Threads> {
    await this.#settled;
    const missing = this.#wanted - this.#helpers;
    const all = processors() > MOST ? `no more than ${MOST} are used` : "the machine has no more processors";
    return { count: 1 + this.#helpers, reason: missing === 0 ? all : `${missing} of ${this.#wanted} helping workers are missing: ${this.#reason ?? "they have not started yet"}` };
  }

  #start(help: Help): Promise<void> {
    return new Promise((resolve) => {
      const missing = (reason: string) => {
        this.#reason = reason;
        resolve();
      };
      let joined = false;
      const said = (helped: Helped) => {
        if (helped.ready) this.#helpers += 1;
        else {
          if (joined) this.#helpers -= 1;
          missing(helped.reason);
        }
        joined = helped.ready;
        resolve();
      };
      try {
        begin(help, said, missing);
      } catch (error) {
        missing(error instanceof Error ? error.message : String(error));
      }
    });
  }
}
