// Files kept between visits, in the Cache API, in the pieces in which they arrived: so no piece of code ever holds a whole file, and a download that
// broke goes on where it was.

/** What is known about a file. */
export interface Entry {
  /** Bytes in all, or 0 where the server did not say. */
  total: number;
  /** What the server calls this version of the file: a strong ETag or a date, or "" where it says nothing. */
  validator: string;
  /** The length of each piece that is there. */
  pieces: number[];
  complete: boolean;
}

const NAME = "hadal";

/** Whether an error means that there is no room. */
export function isQuota(error: unknown): boolean {
  return error instanceof Error && error.name === "QuotaExceededError";
}

/** The files of this origin. */
export class Store {
  readonly #cache: Cache;

  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** `undefined` where a page may keep nothing: without https, in some private windows, in Node. */
  static async open(): Promise<Store | undefined> {
    try {
      return typeof caches === "undefined" ? undefined : new Store(await caches.open(NAME));
    } catch {
      return undefined;
    }
  }

  /** What is there of a file. */
  async entry(url: string): Promise<Entry | undefined> {
    const response = await this.#cache.match(key(url, "entry"));
    return response === undefined ? undefined : ((await response.json()) as Entry);
  }

  /** A piece; `undefined` if the browser dropped it. */
  async piece(url: string, index: number): Promise<Uint8Array | undefined> {
    const response = await this.#cache.match(key(url, String(index)));
    return response === undefined ? undefined : new Uint8Array(await response.arrayBuffer());
  }

  /** Keeps one more piece. Throws what `isQuota` recognises when there is no room. */
  async append(url: string, entry: Entry, piece: Uint8Array): Promise<void> {
    await this.#cache.put(key(url, String(entry.pieces.length)), new Response(piece as BodyInit));
    entry.pieces.push(piece.byteLength);
    await this.describe(url, entry);
  }

  /** Keeps what is known about a file. */
  async describe(url: string, entry: Entry): Promise<void> {
    await this.#cache.put(key(url, "entry"), Response.json(entry));
  }

  /** Forgets a file, or all. */
  async forget(url?: string): Promise<void> {
    if (url === undefined) {
      await caches.delete(NAME);
      return;
    }
    const entry = await this.entry(url);
    await this.#cache.delete(key(url, "entry"));
    await Promise.all((entry?.pieces ?? []).map((_, index) => this.#cache.delete(key(url, String(index)))));
  }
}

/** Keys of the Cache API are addresses; nothing is ever fetched from this one. */
function key(url: string, part: string): string {
  return `https://hadal.invalid/${encodeURIComponent(url)}/${part}`;
}
