// The page's end of the line to the worker.

import { HadalError } from "./error.js";
import type { Answer, Message, Progress, Requests } from "./protocol.js";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: HadalError): void;
  onProgress: ((progress: Progress) => void) | undefined;
}

interface Line {
  post(message: Message, transfer: Transferable[]): void;
  close(): void;
}

/** How a request is made. */
export interface CallOptions {
  transfer?: Transferable[];
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** One worker, or the page itself. */
export class Client {
  static readonly #shared = new Map<boolean, Client>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #line: Promise<Line>;
  #next = 1;

  private constructor(worker: boolean) {
    this.#line = worker ? Promise.resolve(this.#worker()) : this.#inline();
    this.#line.catch(() => undefined);
  }

  /** The worker that all of the page shares, or with `false` the page itself. */
  static shared(worker = typeof Worker !== "undefined"): Client {
    let client = Client.#shared.get(worker);
    if (client === undefined) {
      client = new Client(worker);
      Client.#shared.set(worker, client);
    }
    return client;
  }

  /** Asks and waits for the answer. Throws `HadalError`. */
  async call<K extends keyof Requests>(kind: K, take: Requests[K]["take"], options: CallOptions = {}): Promise<Requests[K]["bring"]> {
    const line = await this.#line;
    const { signal, onProgress, transfer = [] } = options;
    if (signal?.aborted) throw new HadalError("aborted", `\`${kind}\` was aborted before it began`);
    const id = this.#next++;
    const abort = () => line.post({ id, kind: "abort" }, []);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, onProgress });
        try {
          line.post({ id, kind, take } as Message, transfer);
        } catch (error) {
          this.#waiting.delete(id);
          reject(HadalError.from(error, "input"));
        }
      });
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #worker(): Line {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "hadal" });
    worker.onmessage = (event: MessageEvent<Answer>) => this.#answered(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      const hint = "hint: the page's policy must allow workers from this address; `worker: false` does without";
      this.#fail(new HadalError("worker", `the worker failed: ${event.message || "it could not be started"}\n  ${hint}`));
    };
    return { post: (message, transfer) => worker.postMessage(message, transfer), close: () => worker.terminate() };
  }

  async #inline(): Promise<Line> {
    const { Host } = await import("./host.js");
    const host = new Host((answer) => this.#answered(answer));
    return { post: (message) => void host.handle(message), close: () => undefined };
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    if ("progress" in answer) {
      waiting.onProgress?.(answer.progress);
      return;
    }
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting.reject(new HadalError(answer.error.code, answer.error.message));
    else waiting.resolve(answer.value);
  }

  #fail(error: HadalError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    for (const [key, client] of Client.#shared) if (client === this) Client.#shared.delete(key);
    void this.#line.then((line) => line.close());
  }
}
