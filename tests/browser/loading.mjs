// Loads that fail, break, go on and are kept.

import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const file = (harness, name) => readFile(join(harness.setting("HADAL_HOME"), name));

async function failure(page, url, options = {}) {
  return await page.evaluate(
    async ([url, options]) => await globalThis.failure(() => globalThis.hadal.Model.load(url, { backend: "cpu", ...options })),
    [url, options],
  );
}

export const refusals_say_what_to_do = async ({ harness, open, server }) => {
  const page = await open();
  const magika = await file(harness, "magika/model.onnx");
  server.put("/made/short.onnx", magika.subarray(0, magika.length / 2));
  const minilm = await file(harness, "minilm/model.safetensors");
  server.put("/made/short.safetensors", minilm.subarray(0, 1_000_000));
  server.put("/made/page.onnx", Buffer.from("<!DOCTYPE html><title>no model</title>"));
  server.put("/made/empty.onnx", Buffer.alloc(0));
  server.put("/made/alone/weights.safetensors", await file(harness, "minilm/model.safetensors"));
  const refusals = [
    ["/models/none.onnx", "http", /404/],
    ["/made/short.onnx", "truncated|format", /short\.onnx/],
    ["/made/short.safetensors", "truncated", /fetch it again/],
    ["/made/page.onnx", "format", /web page/],
    ["/made/empty.onnx", "format", /empty/],
    ["/made/alone/weights.safetensors", "format", /config\.json/],
    ["http://127.0.0.1:1/model.onnx", "network", /CORS/],
  ];
  for (const [url, code, message] of refusals) {
    const error = await failure(page, url);
    assert.equal(error?.name, "HadalError", `${url}: ${JSON.stringify(error)}`);
    assert.match(error.code, new RegExp(`^(${code})$`), `${url}: ${error.message}`);
    assert.match(error.message, message);
  }
  const device = await failure(page, "/models/magika/model.onnx", { backend: "cuda" });
  assert.equal(device.code, "device");
  // The page goes on working.
  assert.equal(await failure(page, "/models/magika/model.onnx"), null);
};

export const the_hash_is_checked = async ({ harness, open, server }) => {
  const page = await open();
  const url = "/made/hashed.onnx";
  const bytes = await file(harness, "magika/model.onnx");
  server.put(url, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const error = await failure(page, url, { sha256: sha256.replace(/^./, (c) => (c === "0" ? "1" : "0")) });
  assert.equal(error.code, "integrity");
  assert.match(error.message, new RegExp(sha256));
  assert.equal(await failure(page, url, { sha256 }), null);
  // What had the wrong hash was not kept.
  assert.equal(server.take(url).length, 2);
  assert.equal(await failure(page, url, { sha256 }), null);
  assert.equal(server.take(url).length, 0, "the third load takes the kept file");
};

export const a_kept_file_needs_no_network = async ({ harness, open, server }) => {
  const page = await open();
  const url = "/made/kept.onnx";
  server.put(url, await file(harness, "magika/model.onnx"));
  const load = (cache) => page.evaluate(async ([url, cache]) => (await globalThis.hadal.Model.load(url, { backend: "cpu", cache })).cached, [url, cache]);
  assert.deepEqual([await load("auto"), await load("auto"), await load("none"), await load("reload"), await load("require")], [false, true, false, false, true]);
  assert.equal(server.take(url).length, 3);
  await page.evaluate((url) => globalThis.hadal.Model.forget(url), url);
  assert.equal(await load("auto"), false);
};

export const a_broken_connection_is_taken_up_again = async ({ harness, open, server }) => {
  const page = await open();
  const url = "/made/broken.safetensors";
  server.put(url, await file(harness, "minilm/model.safetensors"));
  server.put("/made/config.json", await file(harness, "minilm/config.json"));
  server.fail(url, { breakAfter: 30_000_000 }, { breakAfter: 20_000_000 });
  assert.equal(await failure(page, url), null);
  const requests = server.take(url);
  assert.deepEqual(requests.map((request) => request.status), [200, 206, 206], JSON.stringify(requests));
};

export const a_missing_rest_is_an_error_and_the_next_load_goes_on = async ({ harness, open, server }) => {
  const page = await open();
  const url = "/made/rest.safetensors";
  server.put(url, await file(harness, "minilm/model.safetensors"));
  server.put("/made/config.json", await file(harness, "minilm/config.json"));
  server.fail(url, { breakAfter: 30_000_000 }, { status: 404 });
  const error = await failure(page, url);
  assert.equal(error.code, "http");
  assert.match(error.message, /404 .*after \d+ bytes/);
  server.take(url);
  assert.equal(await failure(page, url), null);
  const [request] = server.take(url);
  assert.equal(request.status, 206);
  assert.ok(Number(/\d+/.exec(request.range)[0]) > 8 << 20, request.range);
};

export const an_aborted_load_goes_on_later = async ({ harness, open, server }) => {
  const page = await open();
  const url = "/made/aborted.safetensors";
  server.put(url, await file(harness, "minilm/model.safetensors"));
  server.put("/made/config.json", await file(harness, "minilm/config.json"));
  server.fail(url, { slow: 5 });
  const error = await page.evaluate(async (url) => {
    const abort = new AbortController();
    const onProgress = ({ loaded }) => loaded > 10_000_000 && abort.abort();
    return await globalThis.failure(() => globalThis.hadal.Model.load(url, { backend: "cpu", signal: abort.signal, onProgress }));
  }, url);
  assert.equal(error.code, "aborted");
  server.take(url);
  assert.equal(await failure(page, url), null);
  const [request] = server.take(url);
  assert.equal(request.status, 206, JSON.stringify(request));
  assert.ok(Number(/\d+/.exec(request.range)[0]) > 8_000_000, request.range);
};

export const a_changed_file_is_fetched_from_its_beginning = async ({ harness, open, server }) => {
  const page = await open();
  const url = "/made/changed.safetensors";
  const bytes = await file(harness, "minilm/model.safetensors");
  server.put("/made/config.json", await file(harness, "minilm/config.json"));
  const old = Buffer.from(bytes);
  old[20] ^= 1;
  server.put(url, old);
  server.fail(url, { breakAfter: 30_000_000 }, { status: 503 });
  assert.equal((await failure(page, url)).code, "http");
  server.take(url);
  server.put(url, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  assert.equal(await failure(page, url, { sha256 }), null);
  assert.deepEqual(server.take(url).map((request) => request.status), [200]);
};

export const a_full_disk_is_said = async ({ harness, open, server }) => {
  const page = await open();
  const url = "/made/large.safetensors";
  server.put(url, await file(harness, "minilm/model.safetensors"));
  server.put("/made/config.json", await file(harness, "minilm/config.json"));
  await page.evaluate(() => globalThis.hadal.Model.forget());
  const session = await harness.context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(server.address).origin, quotaSize: 20_000_000 });
  try {
    const error = await failure(page, url, { cache: "require" });
    assert.equal(error.code, "quota");
    assert.match(error.message, /no more room/);
    const warnings = await page.evaluate(async (url) => {
      const warnings = [];
      await globalThis.hadal.Model.load(url, { backend: "cpu", onProgress: ({ warning }) => warning && warnings.push(warning) });
      return warnings;
    }, url);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /not kept/);
  } finally {
    await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(server.address).origin });
  }
};
