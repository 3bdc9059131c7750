// A model's file as it arrives: weights that a GPU takes go on to it at once; what has to be looked at as a whole is held in wasm memory, once.
// An ONNX file says only at its end what its weights are for, so it comes twice: its large weights are left out first, and then come out of the store.

import type { Sink } from "./download.js";
import { HadalError } from "./error.js";
import { builtin } from "./node.js";
import { Pieces } from "./pieces.js";
import type { Wasm } from "./wasm.js";
import type { Assembly, Digest, Engine, Header, Session, Sieve } from "./wasm/hadal_web.js";

/** Bytes that tell what kind of file it is. */
const KIND = 9;

interface Options {
  name: string;
  /** Whether the hash is wanted. */
  hashed: boolean;
  /** Whether the file is kept as it comes, so that it can come again. */
  kept: boolean;
  /** The text of the `config.json` beside weights without a graph. */
  config(): Promise<string | undefined>;
}

/** Where the bytes go. */
type Way =
  /** Nowhere yet: what has come of the header. */
  | { kind: "header"; bytes: Uint8Array; wanted: number }
  | { kind: "whole"; assembly: Assembly }
  | { kind: "sifted"; sieve: Sieve }
  | { kind: "streamed"; pieces: Pieces; session: Promise<Session> };

/** Takes a file from its beginning; when it begins once more, what came before is forgotten. */
export class Arrival implements Sink {
  #way: Way | undefined;
  #digest: Digest | undefined;
  #total = 0;
  #gathers = false;

  constructor(
    private readonly module: Wasm,
    private readonly engine: Engine,
    private readonly options: Options,
  ) {}

  begin(total: number): void {
    this.fail(new HadalError("network", `${this.options.name} began once more`));
    this.#total = total;
    if (this.options.hashed) this.#digest = new this.module.Digest();
    // On cpu weights are read where they lie; and without the length nobody knows whether the header promises too much.
    const streams = this.engine.backend !== "cpu" && total > 0 && !this.#gathers;
    this.#way = streams ? { kind: "header", bytes: new Uint8Array(0), wanted: KIND } : this.#whole();
  }

  async push(piece: Uint8Array): Promise<void> {
    this.#digest?.push(piece);
    const way = this.#way as Way;
    if (way.kind === "streamed") {
      await way.pieces.push(piece);
      return;
    }
    if (way.kind === "whole") way.assembly.push(piece);
    else if (way.kind === "sifted") way.sieve.push(piece);
    else await this.#header(way, piece);
    release(piece);
  }

  /** SHA-256 of all that came, where it was wanted. */
  sha256(): string | undefined {
    return this.#digest?.hex();
  }

  /** Whether large weights were left out, so that the file has to come again from where it is kept. */
  get leftOut(): boolean {
    return this.#way?.kind === "sifted";
  }

  /** From now on all of the file is held. */
  gather(): void {
    this.#gathers = true;
  }

  /**
   * The model, after the last piece. `again` gives the file once more, if something was left out.
   *
   * Throws `truncated`, `format`, `unsupported`, and what the device and `again` throw.
   */
  async finish(again: (sink: Sink) => Promise<void>): Promise<Session> {
    let way = this.#way as Way;
    if (way.kind === "sifted") {
      this.#way = undefined;
      return await this.#second(way.sieve.finish(), again);
    }
    if (way.kind === "header") {
      const whole = this.#whole();
      whole.assembly.push(way.bytes);
      this.#way = way = whole;
    }
    if (way.kind === "streamed") {
      way.pieces.end();
      return await way.session;
    }
    const config = way.assembly.needsConfig() ? await this.options.config() : undefined;
    this.#way = undefined;
    return await this.engine.prepare(way.assembly, config);
  }

  /** Lets go of what came. */
  fail(error: HadalError): void {
    const way = this.#way;
    this.#way = undefined;
    this.#digest?.free();
    this.#digest = undefined;
    if (way?.kind === "whole") way.assembly.free();
    if (way?.kind === "sifted") way.sieve.free();
    if (way?.kind === "streamed") {
      way.pieces.fail(error);
      way.session.then((session) => session.free(), () => undefined);
    }
  }

  #whole(): { kind: "whole"; assembly: Assembly } {
    return { kind: "whole", assembly: new this.module.Assembly(this.options.name, this.#total) };
  }

  /** The model of an ONNX file, whose large weights come now. */
  async #second(header: Header, again: (sink: Sink) => Promise<void>): Promise<Session> {
    const places = new Places(header.places);
    const { pieces, session } = this.#stream(header);
    this.#way = { kind: "streamed", pieces, session };
    let began = false;
    await again({
      begin: () => {
        if (began) throw new HadalError("network", `${this.options.name} began once more while its weights went to the device\n  hint: load it again`);
        began = true;
      },
      push: async (piece) => {
        for (const part of places.of(piece)) await pieces.push(part);
      },
    });
    pieces.end();
    return await session;
  }

  /** Makes a model ready whose weights come through `pieces`. */
  #stream(header: Header): { pieces: Pieces; session: Promise<Session> } {
    const pieces = new Pieces();
    const needsConfig = header.needsConfig;
    const session = (async () => {
      const config = needsConfig ? await this.options.config() : undefined;
      return await this.engine.stream(header, config, pieces);
    })();
    // Whoever fetches learns of it at the next piece.
    session.catch((error: unknown) => pieces.fail(HadalError.from(error)));
    return { pieces, session };
  }

  async #header(way: Extract<Way, { kind: "header" }>, piece: Uint8Array): Promise<void> {
    const { module, options } = this;
    const bytes = new Uint8Array(way.bytes.byteLength + piece.byteLength);
    bytes.set(way.bytes);
    bytes.set(piece, way.bytes.byteLength);
    way.bytes = bytes;
    if (way.wanted === KIND && bytes.byteLength >= KIND) way.wanted = module.Header.bytesOf(bytes.subarray(0, KIND), this.#total);
    if (way.wanted !== 0 && bytes.byteLength < way.wanted) return;
    if (way.wanted === 0 && options.kept && module.Sieve.takes(bytes.subarray(0, KIND))) {
      const sieve = new module.Sieve(options.name, this.#total);
      this.#way = { kind: "sifted", sieve };
      sieve.push(bytes);
      return;
    }
    const header = way.wanted === 0 ? undefined : new module.Header(options.name, bytes.subarray(0, way.wanted), this.#total);
    if (header === undefined || !header.canStream) {
      header?.free();
      const whole = this.#whole();
      this.#way = whole;
      whole.assembly.push(bytes);
      return;
    }
    const { pieces, session } = this.#stream(header);
    this.#way = { kind: "streamed", pieces, session };
    await pieces.push(bytes.subarray(way.wanted));
  }
}

/** Lets go of a piece's memory now, and not when it is collected, where the engine can and nothing else lies in it. */
function release({ buffer, byteLength }: Uint8Array): void {
  if (builtin === undefined && buffer.byteLength === byteLength) (buffer as { transfer?(bytes: number): unknown }).transfer?.(0);
}

/** Parts of a file, in order. */
class Places {
  /** Which of them comes next, and where in the file we are. */
  #next = 0;
  #at = 0;

  /** Where each begins and how many bytes it has, one after another. */
  constructor(private readonly places: Float64Array) {}

  /** What of them lies in the next piece of the file. */
  of(piece: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = [];
    const end = this.#at + piece.byteLength;
    for (; this.#next < this.places.length; this.#next += 2) {
      const offset = this.places[this.#next] as number;
      const bytes = this.places[this.#next + 1] as number;
      if (offset < end) parts.push(piece.subarray(Math.max(offset - this.#at, 0), Math.min(offset + bytes, end) - this.#at));
      if (offset + bytes > end) break;
    }
    this.#at = end;
    return parts;
  }
}
