// A file from the store or the network, piece by piece.

import { HadalError } from "./error.js";
import type { CacheMode, Progress } from "./protocol.js";
import { type Entry, isQuota, Store } from "./store.js";

/** What takes the pieces. */
export interface Sink {
  /** The file begins, for the first time or once more. */
  begin(total: number): void;
  /** Takes the next piece, which is its own from now on; the one after it is fetched when this one has been taken. */
  push(piece: Uint8Array): Promise<void> | void;
}

/** How a download ended. */
export interface Downloaded {
  bytes: number;
  /** Whether nothing came from the network. */
  cached: boolean;
}

interface Options {
  cache: CacheMode;
  signal: AbortSignal;
  report(progress: Progress): void;
}

/** Bytes that are kept together. */
const PIECE = 4 << 20;

/** How often a broken connection is taken up again. */
const RETRIES = 3;

/** Gives all of `url` to `sink`, from the store as far as it is there. Throws `aborted`, `network`, `http`, `truncated`, `quota`. */
export async function download(url: string, sink: Sink, options: Options): Promise<Downloaded> {
  const store = options.cache === "none" ? undefined : await Store.open();
  if (store === undefined && options.cache === "require") {
    throw new HadalError("quota", "this page may keep no files\n  hint: serve it over https or from localhost, or load with cache: \"auto\"");
  }
  if (options.cache === "reload") await store?.forget(url);
  const transfer = new Transfer(url, sink, options, store);
  return await transfer.run();
}

class Transfer {
  #entry: Entry = { total: 0, validator: "", pieces: [], complete: false };
  /** What arrived after the last piece that was kept. */
  #pending: Uint8Array | undefined;
  #pendingBytes = 0;
  #loaded = 0;

  constructor(
    readonly url: string,
    readonly sink: Sink,
    readonly options: Options,
    private store: Store | undefined,
  ) {}

  async run(): Promise<Downloaded> {
    if (await this.#replay()) return { bytes: this.#loaded, cached: true };
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#fetch();
        break;
      } catch (error) {
        if (this.options.signal.aborted) {
          await this.#flush().catch(() => undefined);
          throw new HadalError("aborted", `loading ${this.url} was aborted after ${this.#loaded} bytes\n  hint: load it again to go on from there`);
        }
        if (error instanceof HadalError) throw error;
        if (attempt >= RETRIES) {
          await this.#flush().catch(() => undefined);
          const reason = error instanceof Error ? error.message : String(error);
          throw new HadalError(
            "network",
            `${this.url} cannot be fetched: ${reason} (${this.#loaded} bytes arrived)\n  hint: check the address and the connection; a server of another origin must allow this page (CORS)`,
            { cause: error },
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** attempt));
      }
    }
    if (this.#entry.total > 0 && this.#loaded !== this.#entry.total) {
      await this.store?.forget(this.url);
      throw new HadalError("truncated", `${this.url} ended after ${this.#loaded} of ${this.#entry.total} bytes\n  hint: load it again`);
    }
    await this.#flush();
    if (this.store !== undefined) {
      this.#entry.complete = true;
      await this.#keep((store) => store.describe(this.url, this.#entry));
    }
    return { bytes: this.#loaded, cached: false };
  }

  /** Takes what the store has. Returns whether that is all. */
  async #replay(): Promise<boolean> {
    const entry = await this.store?.entry(this.url);
    if (entry === undefined || (!entry.complete && entry.validator === "")) {
      await this.#restart(0);
      return false;
    }
    this.#entry = entry;
    this.sink.begin(entry.total);
    for (let index = 0; index < entry.pieces.length; index += 1) {
      this.#throwIfAborted();
      const piece = await this.store?.piece(this.url, index);
      if (piece?.byteLength !== entry.pieces[index]) {
        await this.#restart(0);
        return false;
      }
      await this.#take(piece as Uint8Array);
    }
    return entry.complete;
  }

  async #restart(total: number, validator = ""): Promise<void> {
    await this.store?.forget(this.url);
    this.#entry = { total, validator, pieces: [], complete: false };
    this.#pending = undefined;
    this.#pendingBytes = 0;
    this.#loaded = 0;
    this.sink.begin(total);
  }

  async #fetch(): Promise<void> {
    const resuming = this.#loaded > 0 && this.#entry.validator !== "";
    const headers: Record<string, string> = resuming ? { Range: `bytes=${this.#loaded}-`, "If-Range": this.#entry.validator } : {};
    const response = await fetch(this.url, { headers, signal: this.options.signal, cache: "no-store" });
    if (!response.ok || response.body === null) {
      if (this.#loaded > 0) await this.#flush();
      throw new HadalError("http", `${this.url} answered ${response.status} ${response.statusText} after ${this.#loaded} bytes\n  hint: check the address`);
    }
    const start = Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN);
    if (response.status !== 206 || start !== this.#loaded) {
      if (response.status === 206 && start !== 0) throw new Error(`the server sent bytes from ${start}, not from ${this.#loaded}`);
      await this.#restart(length(response), validator(response));
    }
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#throwIfAborted();
      await this.#collect(value);
      await this.#take(value);
    }
  }

  async #take(piece: Uint8Array): Promise<void> {
    this.#loaded += piece.byteLength;
    try {
      await this.sink.push(piece);
    } catch (error) {
      // What the taker refuses is no fault of the connection.
      throw HadalError.from(error);
    }
    this.options.report({ phase: "download", loaded: this.#loaded, total: this.#entry.total });
  }

  async #collect(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.byteLength && this.store !== undefined; ) {
      this.#pending ??= new Uint8Array(Math.min(PIECE, this.#entry.total || PIECE));
      const part = piece.subarray(at, at + this.#pending.byteLength - this.#pendingBytes);
      this.#pending.set(part, this.#pendingBytes);
      this.#pendingBytes += part.byteLength;
      at += part.byteLength;
      if (this.#pendingBytes === this.#pending.byteLength) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    const piece = this.#pending?.subarray(0, this.#pendingBytes);
    this.#pendingBytes = 0;
    if (piece !== undefined && piece.byteLength > 0) await this.#keep((store) => store.append(this.url, this.#entry, piece));
  }

  /** Keeps something. Where there is no room the file is loaded without being kept, or not at all if that was asked for. */
  async #keep(work: (store: Store) => Promise<void>): Promise<void> {
    if (this.store === undefined) return;
    try {
      await work(this.store);
    } catch (error) {
      await this.store.forget(this.url).catch(() => undefined);
      this.store = undefined;
      const full = isQuota(error);
      const reason = full ? "the browser gives this page no more room" : `the browser cannot keep it (${error instanceof Error ? error.message : String(error)})`;
      const warning = `${this.url} is not kept: ${reason}\n  hint: free space, or forget other models with Model.forget()`;
      if (this.options.cache === "require") throw new HadalError("quota", warning, { cause: error });
      this.options.report({ phase: "cache", loaded: this.#loaded, total: this.#entry.total, warning });
    }
  }

  #throwIfAborted(): void {
    if (this.options.signal.aborted) throw new DOMException("aborted", "AbortError");
  }
}

/** Bytes of the body, where they can be told: what is compressed on the way has another length than the file. */
function length(response: Response): number {
  const encoded = response.headers.get("content-encoding");
  return encoded === null || encoded === "identity" ? Number(response.headers.get("content-length") ?? 0) : 0;
}

/** What tells this version of a file from others. A weak ETag may stand for other bytes. */
function validator(response: Response): string {
  const tag = response.headers.get("etag");
  if (tag !== null && !tag.startsWith("W/")) return tag;
  return response.headers.get("last-modified") ?? "";
}

/** A small file beside a model; `undefined` where the server has none. Kept like the model. Throws `network`, `aborted`. */
export async function text(url: string, options: Options): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  const sink: Sink = { begin: () => void (pieces.length = 0), push: (piece) => void pieces.push(piece) };
  try {
    await download(url, sink, { ...options, report: () => undefined });
  } catch (error) {
    if (error instanceof HadalError && error.code === "http") return undefined;
    throw error;
  }
  return await new Blob(pieces as BlobPart[]).text();
}
