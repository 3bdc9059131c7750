// Bytes in order, between who fetches them and who takes them: a few at a time, so that neither runs ahead of the other.

/** Bytes that may wait to be taken. */
const ROOM = 8 << 20;

/** A queue of bytes with an end. */
export class Pieces {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #error: Error | undefined;
  #taker: { bytes: number; resolve(piece: Uint8Array): void; reject(error: Error): void } | undefined;
  #giver: { resolve(): void; reject(error: Error): void } | undefined;

  /** Adds bytes; ready when there is room for more. Throws what `fail` was given. */
  async push(piece: Uint8Array): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    this.#serve();
    if (this.#bytes > ROOM) await new Promise<void>((resolve, reject) => (this.#giver = { resolve, reject }));
  }

  /** Exactly the next `bytes` bytes. Throws what `fail` was given, or when they end before. */
  async next(bytes: number): Promise<Uint8Array> {
    return await new Promise((resolve, reject) => {
      this.#taker = { bytes, resolve, reject };
      this.#serve();
    });
  }

  /** No more bytes come. */
  end(): void {
    this.#ended = true;
    this.#serve();
  }

  /** Whoever waits, or asks later, gets `error`. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#pieces = [];
    this.#bytes = 0;
    this.#serve();
    this.#giver?.reject(this.#error);
    this.#giver = undefined;
  }

  #serve(): void {
    const taker = this.#taker;
    if (taker === undefined) return;
    if (this.#error !== undefined) {
      this.#taker = undefined;
      taker.reject(this.#error);
    } else if (this.#bytes >= taker.bytes) {
      this.#taker = undefined;
      taker.resolve(this.#take(taker.bytes));
    } else if (this.#ended) {
      this.#taker = undefined;
      taker.reject(new Error(`the file ended ${taker.bytes - this.#bytes} bytes early`));
    }
    // Whoever waits for more than there may be is not to wait for ever.
    if (this.#bytes <= ROOM || (this.#taker?.bytes ?? 0) > this.#bytes) {
      this.#giver?.resolve();
      this.#giver = undefined;
    }
  }

  #take(bytes: number): Uint8Array {
    this.#bytes -= bytes;
    const taken = new Uint8Array(bytes);
    for (let at = 0; at < bytes; ) {
      const first = this.#pieces[0] as Uint8Array;
      const part = first.subarray(0, bytes - at);
      taken.set(part, at);
      at += part.byteLength;
      if (part.byteLength === first.byteLength) this.#pieces.shift();
      else this.#pieces[0] = first.subarray(part.byteLength);
    }
    return taken;
  }
}
