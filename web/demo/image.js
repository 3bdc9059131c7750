// From a drawing to what the network sees: 28 × 28 numbers from 0 (paper) to 1 (ink), the ink in the middle.

export const SIDE = 28;
/** The ink's larger side. */
const INK = 20;

/** The drawing, scaled and centred. */
export function centred({ data, width, height }) {
  const dark = (x, y) => 1 - data[4 * (y * width + x)] / 255;
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (dark(x, y) < 0.2) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
  }
  const image = new Float32Array(SIDE * SIDE);
  if (right < left) return image;
  const scale = Math.max(right - left + 1, bottom - top + 1) / INK;
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  // Each number is the mean of what lies under it.
  const samples = 4;
  for (let y = 0; y < SIDE; y += 1) {
    for (let x = 0; x < SIDE; x += 1) {
      let sum = 0;
      for (let i = 0; i < samples * samples; i += 1) {
        const fromX = Math.round(middleX + (x - SIDE / 2 + ((i % samples) + 0.5) / samples) * scale);
        const fromY = Math.round(middleY + (y - SIDE / 2 + (Math.floor(i / samples) + 0.5) / samples) * scale);
        if (fromX >= 0 && fromX < width && fromY >= 0 && fromY < height) sum += dark(fromX, fromY);
      }
      image[y * SIDE + x] = sum / (samples * samples);
    }
  }
  return image;
}

/** The image a little turned, scaled and moved, as the next drawing might be. */
export function varied(image, random = Math.random) {
  const between = (low, high) => low + (high - low) * random();
  const [angle, scale] = [between(-0.2, 0.2), between(0.9, 1.15)];
  const [moveX, moveY] = [between(-1.5, 1.5), between(-1.5, 1.5)];
  const [cos, sin] = [Math.cos(angle) * scale, Math.sin(angle) * scale];
  const middle = (SIDE - 1) / 2;
  const at = (x, y) => (x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : image[y * SIDE + x]);
  const result = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y += 1) {
    for (let x = 0; x < SIDE; x += 1) {
      const [u, v] = [x - middle - moveX, y - middle - moveY];
      const [fromX, fromY] = [cos * u - sin * v + middle, sin * u + cos * v + middle];
      const [cellX, cellY] = [Math.floor(fromX), Math.floor(fromY)];
      const [a, b] = [fromX - cellX, fromY - cellY];
      result[y * SIDE + x] =
        (1 - b) * ((1 - a) * at(cellX, cellY) + a * at(cellX + 1, cellY)) + b * ((1 - a) * at(cellX, cellY + 1) + a * at(cellX + 1, cellY + 1));
    }
  }
  return result;
}
