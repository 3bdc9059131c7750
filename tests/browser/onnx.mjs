// Protobuf by hand: ONNX files of one matrix product.

const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
const number = (field, n) => [...varint(field << 3), ...varint(n)];
const begin = (field, bytes) => [...varint((field << 3) | 2), ...varint(bytes)];
const message = (field, body) => [...begin(field, body.length), ...body];
const text = (field, value) => message(field, [...Buffer.from(value)]);
const value = (name, dims) => [...text(1, name), ...message(2, message(1, [...number(1, 1), ...message(2, dims.flatMap((n) => message(1, number(1, n))))]))];
const matmul = (a, b, c) => message(1, [...text(1, a), ...text(1, b), ...text(2, c), ...text(4, "MatMul")]);
const opset = message(8, [...text(1, ""), ...number(2, 17)]);

/** `c = a · b`, all of them `size` by `size`. */
export function product(size) {
  const square = (name) => value(name, [size, size]);
  const graph = [...matmul("a", "b", "c"), ...message(11, square("a")), ...message(11, square("b")), ...message(12, square("c"))];
  return Buffer.from([...number(1, 8), ...message(7, graph), ...opset]);
}

/** `y = x · w` with `w` in the file, `size` by `size`: what stands before the elements of `w`, and what stands after them. */
export function weighted(size) {
  const raw = 4 * size * size;
  const weights = [...number(1, size), ...number(1, size), ...number(2, 1), ...text(8, "w"), ...begin(9, raw)];
  const ports = [...message(11, value("x", [1, size])), ...message(12, value("y", [1, size]))];
  const graph = [...matmul("x", "w", "y"), ...begin(5, weights.length + raw), ...weights];
  return [Buffer.from([...number(1, 8), ...begin(7, graph.length + raw + ports.length), ...graph]), Buffer.from([...ports, ...opset])];
}
