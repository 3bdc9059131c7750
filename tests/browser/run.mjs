// `node run.mjs FOLDER PLAYWRIGHT CHROMIUM`: opens the module in FOLDER in a headless Chromium and runs the smoke test on both backends.
// PLAYWRIGHT is the folder of npm's `playwright-core`, CHROMIUM the browser's program.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

const LIMIT_SECONDS = 180;
const FLAGS = [
  "--enable-unsafe-webgpu",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const [folder, playwright, chromium] = process.argv.slice(2);
if (chromium === undefined) {
  console.error("usage: node run.mjs FOLDER PLAYWRIGHT CHROMIUM");
  process.exit(2);
}
const { chromium: driver } = createRequire(import.meta.url)(resolve(playwright));

const server = createServer(async (request, response) => {
  const types = { js: "text/javascript", wasm: "application/wasm" };
  const name = basename(new URL(request.url, "http://localhost").pathname);
  const type = types[name.split(".").pop()];
  if (type === undefined) {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>hadal</title>");
    return;
  }
  try {
    const body = await readFile(join(folder, name));
    response.writeHead(200, { "content-type": type }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const address = `http://127.0.0.1:${server.address().port}/`;

let browser;
let failures = 0;
let passed = 0;

function fail(text) {
  failures += 1;
  console.log(`FAIL [browser] ${text}`);
}

async function smoke(backend) {
  const page = await browser.newPage();
  page.on("console", (message) => console.log(`  ${backend} says: ${message.text()}`));
  page.on("pageerror", (error) => fail(`${backend}: ${error}`));
  await page.goto(address);
  const start = Date.now();
  const answer = await page.evaluate(async (backend) => {
    const module = await import("/hadal_browser_smoke.js");
    await module.default({ module_or_path: "/hadal_browser_smoke_bg.wasm" });
    return await module.smoke(backend);
  }, backend);
  const { device, cases } = JSON.parse(answer);
  console.log(`${device}: ${cases.length} cases in ${Date.now() - start} ms`);
  if (cases.length === 0) fail(`${backend}: no case ran`);
  for (const { name, steps, failure } of cases) {
    if (failure === null) {
      passed += 1;
      console.log(`  ${name}: right, ${steps} steps`);
    } else fail(`${backend}: ${name}: ${failure}`);
  }
  await page.close();
}

async function all() {
  browser = await driver.launch({ executablePath: chromium, headless: true, args: FLAGS, timeout: 90_000 });
  console.log(`Chromium ${browser.version()}`);
  for (const backend of ["cpu", "wgpu"]) {
    await smoke(backend).catch((error) => fail(`${backend}: ${error.message ?? error}`));
  }
}

const late = new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`not done after ${LIMIT_SECONDS} s`)), LIMIT_SECONDS * 1000).unref();
});
await Promise.race([all(), late]).catch((error) => fail(error.message));
await Promise.race([browser?.close(), new Promise((done) => setTimeout(done, 5000).unref())]);
console.log(`test result: ${failures === 0 ? "ok" : "FAILED"}. ${passed} passed; ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
