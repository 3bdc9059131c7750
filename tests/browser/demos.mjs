// Every demo, driven as a visitor would.

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A page of the demo site whose links and controls have names. */
async function visit({ harness, open }, name) {
  const page = await open({ path: `/demo/${name}.html` });
  await page.waitForFunction(() => document.querySelector("footer").textContent !== "");
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, textarea, a, canvas, progress")]
      .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))
      .map((e) => e.outerHTML),
  );
  assert.deepEqual(nameless, [], "controls without a name");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "the page is wider than the window");
  return { page, picture: (suffix = "") => harness.picture(page, name + suffix) };
}

export const the_first_page_leads_to_all = async (test) => {
  const { page, picture } = await visit(test, "index");
  assert.equal(await page.locator("a.card").count(), 4);
  await picture();
};

export const search_finds_by_meaning = async (test) => {
  const { page, picture } = await visit(test, "search");
  await page.selectOption("#backend", "cpu");
  await page.click("#read");
  await page.waitForSelector("#hits li", { timeout: 60_000 });
  assert.match(await page.textContent("#hits li:first-child"), /Bread rises/);
  await page.fill("#question", "deep sea");
  await page.press("#question", "Enter");
  await page.waitForFunction(() => /hadal zone|Mariana/.test(document.querySelector("#hits li").textContent));
  assert.match(await page.textContent("#status"), /8 passages in .* on cpu/);
  await picture();
};

export const search_works_without_a_network_after_the_first_visit = async (test) => {
  const { page } = await visit(test, "search");
  await page.evaluate(() => navigator.serviceWorker.ready);
  // The first visit to be seen by the service worker, and one without a network.
  for (const offline of [false, true]) {
    await test.harness.context.setOffline(offline);
    try {
      await page.reload();
      await page.waitForFunction(() => document.querySelector("footer").textContent !== "");
      await page.selectOption("#backend", "cpu");
      await page.click("#read");
      await page.waitForSelector("#hits li", { timeout: 60_000 });
    } finally {
      await test.harness.context.setOffline(false);
    }
  }
};

/** How the script's hand draws each digit: strokes as points in a square of side 1. */
const STROKES = [
  [[[0.5, 0.1], [0.25, 0.25], [0.2, 0.5], [0.25, 0.75], [0.5, 0.9], [0.75, 0.75], [0.8, 0.5], [0.75, 0.25], [0.5, 0.1]]],
  [[[0.35, 0.25], [0.55, 0.1], [0.55, 0.9]]],
  [[[0.2, 0.3], [0.35, 0.12], [0.6, 0.12], [0.75, 0.3], [0.65, 0.5], [0.2, 0.88], [0.8, 0.88]]],
  [[[0.25, 0.15], [0.6, 0.1], [0.75, 0.28], [0.45, 0.47], [0.75, 0.65], [0.6, 0.88], [0.22, 0.85]]],
  [[[0.6, 0.1], [0.2, 0.6], [0.8, 0.6]], [[0.65, 0.4], [0.62, 0.92]]],
  [[[0.75, 0.12], [0.3, 0.12], [0.27, 0.45], [0.6, 0.42], [0.77, 0.62], [0.6, 0.88], [0.22, 0.85]]],
  [[[0.65, 0.1], [0.35, 0.35], [0.22, 0.65], [0.45, 0.9], [0.72, 0.75], [0.65, 0.55], [0.3, 0.62]]],
  [[[0.2, 0.12], [0.8, 0.12], [0.4, 0.9]]],
  [[[0.7, 0.2], [0.45, 0.1], [0.3, 0.28], [0.68, 0.65], [0.55, 0.9], [0.28, 0.75], [0.7, 0.3], [0.7, 0.2]]],
  [[[0.72, 0.3], [0.45, 0.1], [0.28, 0.3], [0.5, 0.48], [0.72, 0.3], [0.68, 0.9]]],
];

/** Draws a digit by pointer events, each time a little otherwise. */
async function draw(page, strokes, seed) {
  await page.evaluate(
    ([strokes, seed]) => {
      let state = seed * 2654435761 + 1;
      const random = () => {
        state = (Math.imul(state ^ (state >>> 15), 2246822519) + 374761393) >>> 0;
        return state / 2 ** 32;
      };
      const between = (low, high) => low + (high - low) * random();
      const paper = document.getElementById("paper");
      const box = paper.getBoundingClientRect();
      const [angle, width, height] = [between(-0.25, 0.25), between(0.55, 0.85), between(0.6, 0.85)];
      const [moveX, moveY] = [between(-0.06, 0.06), between(-0.06, 0.06)];
      const place = ([x, y]) => {
        const [u, v] = [(x - 0.5 + between(-0.03, 0.03)) * width, (y - 0.5 + between(-0.03, 0.03)) * height];
        return [0.5 + moveX + u * Math.cos(angle) - v * Math.sin(angle), 0.5 + moveY + u * Math.sin(angle) + v * Math.cos(angle)];
      };
      const send = (kind, [x, y]) => {
        paper.dispatchEvent(new PointerEvent(kind, { clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true }));
      };
      paper.setPointerCapture = () => undefined;
      for (const stroke of strokes) {
        const [first, ...rest] = stroke.map(place);
        send("pointerdown", first);
        for (const point of rest) send("pointermove", point);
        send("pointerup", rest.at(-1));
      }
    },
    [strokes, seed],
  );
}

async function learns(test, backend, seconds) {
  const { page, picture } = await visit(test, "digits");
  await page.selectOption("#backend", backend);
  const accuracy = async () => Number((await page.textContent("#accuracy")).replace(/\D/g, "") || NaN);
  for (let seed = 0; seed < 16; seed += 1) {
    for (const [digit, strokes] of STROKES.entries()) {
      await page.evaluate((digit) => document.getElementById("paper").dispatchEvent(new KeyboardEvent("keydown", { key: String(digit) })), digit);
      await draw(page, strokes, 100 * seed + digit);
      await page.evaluate(() => document.getElementById("add").click());
    }
  }
  const start = Date.now();
  let now = await accuracy();
  while (now <= 90 && Date.now() - start < seconds * 1000) {
    await page.waitForTimeout(250);
    now = await accuracy();
  }
  console.log(`  ${backend}: ${now} % of the digits that were held back after ${((Date.now() - start) / 1000).toFixed(1)} s; ${await page.textContent("#learned")}`);
  assert.ok(now > 90, `${now} %`);
  await draw(page, STROKES[4], 7777);
  await page.waitForFunction(() => parseFloat(document.querySelectorAll("#bars i")[4].style.width) > 50);
  await picture(`-${backend}`);
}

export const digits_are_learnt_on_cpu = (test) => learns(test, "cpu", 60);

/** A fresh network reads what it was never shown as chance would. */
export const a_fresh_network_knows_nothing = async (test) => {
  const { page } = await visit(test, "digits");
  await page.selectOption("#backend", "cpu");
  // Four drawings of each digit: one of them is held back. The hidden page learns nothing meanwhile.
  await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
  for (let seed = 0; seed < 4; seed += 1) {
    for (const [digit, strokes] of STROKES.entries()) {
      await page.evaluate((digit) => document.getElementById("paper").dispatchEvent(new KeyboardEvent("keydown", { key: String(digit) })), digit);
      await draw(page, strokes, 900 + 10 * seed + digit);
      await page.evaluate(() => document.getElementById("add").click());
    }
  }
  await page.waitForFunction(() => /of 10 drawings/.test(document.getElementById("tested").textContent));
  const accuracy = Number((await page.textContent("#accuracy")).replace(/\D/g, ""));
  assert.ok(accuracy <= 20, `${accuracy} %`);
};

export const the_inspector_shows_a_dropped_model = async (test) => {
  const { page, picture } = await visit(test, "inspector");
  await page.selectOption("#backend", "cpu");
  await page.setInputFiles("#file", { name: "magika.onnx", mimeType: "application/octet-stream", buffer: await readFile(join(test.harness.setting("HADAL_HOME"), "magika/model.onnx")) });
  await page.waitForSelector("#result:not([hidden])", { timeout: 60_000 });
  assert.match(await page.textContent("#ports"), /input/);
  assert.match(await page.textContent("#plan-sum"), /\d+ steps, .* of weights/);
  assert.match(await page.textContent("#ops"), /×/);
  await page.click("#run");
  await page.waitForSelector("#outputs td");
  await page.waitForFunction(() => /ms on cpu/.test(document.getElementById("status").textContent));
  assert.match(await page.textContent("#times-sum"), /\d+ launches, [\d.]+ ms/);
  assert.match(await page.textContent("#times"), /GFLOP/);
  await picture();
  // What it cannot read it says, and the next model is shown as before.
  await page.setInputFiles("#file", { name: "text.onnx", mimeType: "application/octet-stream", buffer: Buffer.from("GGUF nothing") });
  await page.waitForSelector("#status.bad");
  assert.match(await page.textContent("#status"), /llama\.cpp/);
  await page.click("#example");
  await page.waitForSelector("#result:not([hidden])", { timeout: 60_000 });
};

export const the_benchmark_measures = async (test) => {
  const { page, picture } = await visit(test, "benchmark");
  await page.fill("#runs", "1");
  await page.fill("#tokens", "8");
  await page.click("#start");
  await page.waitForFunction(() => document.getElementById("status").textContent === "Done." || document.querySelector("#status.bad"), undefined, { timeout: 200_000 });
  assert.equal(await page.textContent("#status"), "Done.");
  assert.equal(await page.locator("#rows tr").count(), 2);
  await picture();
};
