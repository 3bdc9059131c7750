// The threads: workers that share the module's memory.

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
  if (!("WorkerGlobalScope" in globalThis) || typeof Worker === "undefined") return "only workers of a browser share memory here";
  if (!globalThis.crossOriginIsolated || typeof SharedArrayBuffer === "undefined") {
    return "the page is not cross-origin isolated, so its workers may not share memory\n  hint: serve it with `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`";
  }
  return navigator.hardwareConcurrency > 1 ? undefined : "the machine has one processor";
}

/** The helpers of one module. */
export class Team {
  readonly #wanted = Math.min(navigator.hardwareConcurrency, MOST) - 1;
  #helpers = 0;
  #reason: string | undefined;
  readonly #settled: Promise<unknown>;

  /** Starts them, and does not wait until they are there: who comes late helps from then on. */
  constructor(help: Help) {
    const all = Promise.all(Array.from({ length: this.#wanted }, () => this.#start(help)));
    this.#settled = Promise.race([all, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
  }

  /** How many there are, once each has come or failed. */
  async threads(): Promise<Threads> {
    await this.#settled;
    const missing = this.#wanted - this.#helpers;
    const all = navigator.hardwareConcurrency > MOST ? `no more than ${MOST} are used` : "the machine has no more processors";
    return { count: 1 + this.#helpers, reason: missing === 0 ? all : `${missing} of ${this.#wanted} helping workers are missing: ${this.#reason ?? "they have not started yet"}` };
  }

  #start(help: Help): Promise<void> {
    return new Promise((resolve) => {
      const missing = (reason: string) => {
        this.#reason = reason;
        resolve();
      };
      try {
        const worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module", name: "hadal helper" });
        let joined = false;
        worker.onmessage = ({ data }: MessageEvent<Helped>) => {
          if (data.ready) this.#helpers += 1;
          else {
            if (joined) this.#helpers -= 1;
            missing(data.reason);
          }
          joined = data.ready;
          resolve();
        };
        worker.onerror = (event) => {
          event.preventDefault();
          missing(event.message || "the page's policy must allow workers from this address");
        };
        worker.postMessage(help);
      } catch (error) {
        missing(error instanceof Error ? error.message : String(error));
      }
    });
  }
}
