import { HadalError } from "./error.js";

/** Element types. `f16` and `bf16` are held as their bits. */
export type DType =
  | "bool" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "f16" | "bf16" | "f32" | "f64";

/** The typed array of any dtype. */
export type TypedArray =
  | Int8Array | Int16Array | Int32Array | BigInt64Array | Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array
  | BigUint64Array | Float32Array | Float64Array;

type Constructor = { new (buffer: ArrayBufferLike, offset?: number, length?: number): TypedArray; readonly BYTES_PER_ELEMENT: number };

const CONSTRUCTORS: Record<DType, Constructor> = {
  bool: Uint8Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
};

/** Numbers in the page's memory, with a shape. */
export class Tensor implements Disposable {
  readonly dtype: DType;
  /** Extents, outermost first; none for a single number. */
  readonly shape: readonly number[];
  #data: TypedArray | undefined;

  /**
   * A tensor over `data`, row by row, without a copy. The dtype follows from the array unless it is given, as it must be for `bool`, `f16` and `bf16`.
   *
   * Throws `input` when the number of elements is not the product of `shape`.
   */
  constructor(data: TypedArray, shape: readonly number[] = [data.length], dtype: DType = natural(data)) {
    const constructor = CONSTRUCTORS[dtype] as Constructor | undefined;
    if (constructor === undefined) {
      throw new HadalError("input", `there is no dtype \`${String(dtype)}\`\n  hint: use one of ${Object.keys(CONSTRUCTORS).join(", ")}`);
    }
    if (constructor.BYTES_PER_ELEMENT !== data.BYTES_PER_ELEMENT) {
      throw new HadalError("input", `a tensor of ${dtype} is over a ${constructor.name}, but a ${data.constructor.name} was given`);
    }
    if (shape.some((extent) => !Number.isInteger(extent) || extent < 0)) {
      throw new HadalError("input", `[${shape}] is no shape: extents are whole numbers`);
    }
    const elements = shape.reduce((product, extent) => product * extent, 1);
    if (elements !== data.length) {
      throw new HadalError("input", `a tensor of shape [${shape}] has ${elements} elements, but ${data.length} were given`);
    }
    this.dtype = dtype;
    this.shape = [...shape];
    this.#data = data;
  }

  /** A tensor of whole numbers: what models of text take. */
  static i64(values: Iterable<number | bigint>, shape?: readonly number[]): Tensor {
    const data = BigInt64Array.from(Array.from(values, BigInt));
    return new Tensor(data, shape ?? [data.length]);
  }

  /** A tensor of `f32`. */
  static f32(values: Iterable<number>, shape?: readonly number[]): Tensor {
    const data = Float32Array.from(values);
    return new Tensor(data, shape ?? [data.length]);
  }

  /** A tensor over little-endian bytes. The bytes are copied only where their address does not suit the dtype. */
  static fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: DType): Tensor {
    const constructor = CONSTRUCTORS[dtype];
    const aligned = bytes.byteOffset % constructor.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
    const length = Math.floor(aligned.byteLength / constructor.BYTES_PER_ELEMENT);
    return new Tensor(new constructor(aligned.buffer, aligned.byteOffset, length), shape, dtype);
  }

  /** The elements, row by row. Throws `disposed`. */
  get data(): TypedArray {
    if (this.#data === undefined) {
      throw new HadalError("disposed", "this tensor was disposed of, or its memory was transferred\n  hint: copy what is needed before");
    }
    return this.#data;
  }

  /** The elements as numbers; 64-bit integers beyond 2⁵³ are rounded. */
  toArray(): number[] {
    return Array.from(this.data as ArrayLike<number | bigint>, Number);
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, extent) => product * extent, 1);
  }

  /** Little-endian bytes, over the same memory. */
  get bytes(): Uint8Array {
    const data = this.data;
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }

  /** Whether the elements are gone. */
  get disposed(): boolean {
    return this.#data === undefined;
  }

  /** Lets go of the elements. */
  dispose(): void {
    this.#data = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function natural(data: TypedArray): DType {
  const names: [unknown, DType][] = [
    [Int8Array, "i8"], [Int16Array, "i16"], [Int32Array, "i32"], [BigInt64Array, "i64"], [Uint8Array, "u8"], [Uint8ClampedArray, "u8"],
    [Uint16Array, "u16"], [Uint32Array, "u32"], [BigUint64Array, "u64"], [Float32Array, "f32"], [Float64Array, "f64"],
  ];
  const found = names.find(([constructor]) => data.constructor === constructor);
  if (found === undefined) {
    throw new HadalError("input", "a tensor is made of a typed array\n  hint: Tensor.f32([...]) and Tensor.i64([...]) take any numbers");
  }
  return found[1];
}
