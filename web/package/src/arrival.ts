// A model's file as it arrives: weights that a GPU takes go on to it at once; what has to be looked at as a whole is held in wasm memory, once.

import type { Sink } from "./download.js";
import { HadalError } from "./error.js";
import { Pieces } from "./pieces.js";
import type { Wasm } from "./wasm.js";
import type { Assembly, Digest, Engine, Session } from "./wasm/hadal_web.js";

/** Bytes that tell what kind of file it is. */
const KIND = 9;

interface Options {
  name: string;
  /** Whether the hash is wanted. */
  hashed: boolean;
  /** The text of the `config.json` beside weights without a graph. */
  config(): Promise<string | undefined>;
}

/** Where the bytes go. */
type Way =
  /** Nowhere yet: what has come of the header. */
  | { kind: "header"; bytes: Uint8Array; wanted: number }
  | { kind: "whole"; assembly: Assembly }
  | { kind: "streamed"; pieces: Pieces; session: Promise<Session> };

/** Takes a file from its beginning; when it begins once more, what came before is forgotten. */
export class Arrival implements Sink {
  #way: Way | undefined;
  #digest: Digest | undefined;
  #total = 0;

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
    const streams = this.engine.backend !== "cpu" && total > 0;
    this.#way = streams ? { kind: "header", bytes: new Uint8Array(0), wanted: KIND } : this.#whole();
  }

  async push(piece: Uint8Array): Promise<void> {
    this.#digest?.push(piece);
    const way = this.#way as Way;
    if (way.kind === "whole") way.assembly.push(piece);
    else if (way.kind === "streamed") await way.pieces.push(piece);
    else await this.#header(way, piece);
  }

  /** SHA-256 of all that came, where it was wanted. */
  sha256(): string | undefined {
    return this.#digest?.hex();
  }

  /** The model, after the last piece. Throws `truncated`, `format`, `unsupported`, and what the device throws. */
  async finish(): Promise<Session> {
    let way = this.#way as Way;
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
    if (way?.kind === "streamed") {
      way.pieces.fail(error);
      way.session.then((session) => session.free(), () => undefined);
    }
  }

  #whole(): { kind: "whole"; assembly: Assembly } {
    return { kind: "whole", assembly: new this.module.Assembly(this.options.name, this.#total) };
  }

  async #header(way: Extract<Way, { kind: "header" }>, piece: Uint8Array): Promise<void> {
    const { module, engine, options } = this;
    const bytes = new Uint8Array(way.bytes.byteLength + piece.byteLength);
    bytes.set(way.bytes);
    bytes.set(piece, way.bytes.byteLength);
    way.bytes = bytes;
    if (way.wanted === KIND && bytes.byteLength >= KIND) way.wanted = module.Header.bytesOf(bytes.subarray(0, KIND), this.#total);
    if (way.wanted !== 0 && bytes.byteLength < way.wanted) return;
    const header = way.wanted === 0 ? undefined : new module.Header(options.name, bytes.subarray(0, way.wanted), this.#total);
    if (header === undefined || !header.canStream) {
      header?.free();
      const whole = this.#whole();
      this.#way = whole;
      whole.assembly.push(bytes);
      return;
    }
    const pieces = new Pieces();
    const needsConfig = header.needsConfig;
    const session = (async () => {
      const config = needsConfig ? await options.config() : undefined;
      return await engine.stream(header, config, pieces);
    })();
    // Whoever fetches learns of it at the next piece.
    session.catch((error: unknown) => pieces.fail(HadalError.from(error)));
    this.#way = { kind: "streamed", pieces, session };
    await pieces.push(bytes.subarray(way.wanted));
  }
}
