/** What kind of error it is. */
export type HadalErrorCode =
  /** The caller's signal ended it. What arrived is kept, so the next load goes on from there. */
  | "aborted"
  /** The server could not be reached, or the connection broke and could not be taken up again. */
  | "network"
  /** The server answered with another status than success. */
  | "http"
  /** The file ends before what it declares. */
  | "truncated"
  /** The file has another SHA-256 than was asked for. */
  | "integrity"
  /** The browser gives no more room for keeping files. */
  | "quota"
  /** The file is no model, or breaks the rules of its format. */
  | "format"
  /** The model, or its tokenizer, needs something that Hadal does not have. */
  | "unsupported"
  /** An input of another name, shape or type than the model takes. */
  | "input"
  /** There is no such device here. */
  | "device"
  /** The device went away: the driver was reset, or the browser took it. */
  | "device_lost"
  /** The device or the page has no memory left. */
  | "out_of_memory"
  /** A kernel failed. This is a fault of Hadal or of the driver. */
  | "kernel"
  /** The worker could not be started, or it ended. */
  | "worker"
  /** The model or tensor was disposed of before. */
  | "disposed";

/** Every error of this package. The message says what was given, what was expected and what to do. */
export class HadalError extends Error {
  override readonly name = "HadalError";

  constructor(
    readonly code: HadalErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Any thrown value as a `HadalError`: as it is if it is one, and with its own `code` if it comes from the wasm module. */
  static from(thrown: unknown, fallback: HadalErrorCode = "kernel"): HadalError {
    if (thrown instanceof HadalError) return thrown;
    if (thrown instanceof Error) {
      const code = (thrown as { code?: unknown }).code;
      const known = typeof code === "string" ? (code as HadalErrorCode) : fallback;
      if (thrown instanceof WebAssembly.RuntimeError) {
        return new HadalError("kernel", `the wasm module failed: ${thrown.message}\n  hint: reload the page; please report it`, { cause: thrown });
      }
      return new HadalError(known, thrown.message, { cause: thrown });
    }
    return new HadalError(fallback, String(thrown));
  }
}
