// The browser, the server, and the report.

import { strict as assert } from "node:assert";
import { createRequire } from "node:module";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Server } from "./server.mjs";

/** All op cases on a software GPU take longer than any other test. */
const LIMIT_SECONDS = process.env.HADAL_BROWSER_ALL === "1" ? 3600 : 240;
const FLAGS = [
  "--enable-unsafe-webgpu",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-precise-memory-info",
  // Memory is measured when it is asked for, not some time later.
  "--enable-blink-features=ForceEagerMeasureMemory",
];

export class Harness {
  #passed = 0;
  #failed = 0;
  /** Errors of pages that no code of theirs caught. */
  #uncaught = [];

  static async start() {
    const harness = new Harness();
    const { chromium } = createRequire(import.meta.url)(resolve(harness.setting("HADAL_PLAYWRIGHT")));
    const [hadal, models] = [harness.setting("HADAL_PACKAGE"), harness.setting("HADAL_HOME")];
    const demo = fileURLToPath(new URL("../../web/demo", import.meta.url));
    harness.server = await Server.start({
      "/hadal/": hadal,
      "/models/": models,
      "/demo/": demo,
      "/demo/hadal/": hadal,
      "/demo/models/": models,
    });
    harness.profile = await mkdtemp(join(tmpdir(), "hadal-browser-"));
    const executablePath = harness.setting("HADAL_CHROMIUM");
    harness.context = await chromium.launchPersistentContext(harness.profile, { executablePath, headless: true, args: FLAGS, timeout: 90_000 });
    console.log(`Chromium ${harness.context.browser()?.version() ?? ""} at ${harness.server.address}`);
    return harness;
  }

  setting(name) {
    const value = process.env[name];
    assert.ok(value, `${name} is not set: start the tests with \`cargo xtask browser\``);
    return value;
  }

  /** Runs a test; a failure is reported and the others go on. */
  async run(name, test) {
    const start = Date.now();
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`not done after ${LIMIT_SECONDS} s`)), LIMIT_SECONDS * 1000).unref();
    });
    const pages = [];
    const open = async (options) => {
      const page = await this.page(name, options);
      pages.push(page);
      return page;
    };
    try {
      await Promise.race([test({ harness: this, open, server: this.server }), late]);
      assert.deepEqual(this.#uncaught, [], "a page has errors that nobody caught");
      this.#passed += 1;
      console.log(`PASS [${((Date.now() - start) / 1000).toFixed(1)} s] ${name}`);
    } catch (error) {
      this.#failed += 1;
      console.log(`FAIL [${((Date.now() - start) / 1000).toFixed(1)} s] ${name}: ${error.stack ?? error}`);
    } finally {
      this.#uncaught = [];
      await Promise.all(pages.map((page) => page.close().catch(() => undefined)));
    }
  }

  /** A page that has the package as `hadal`, unless it is `bare`. `isolated` is cross-origin isolated. */
  async page(name, { path = "/", isolated = false, bare = false } = {}) {
    const page = await this.context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) console.log(`  ${name} says: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#uncaught.push(String(error)));
    await page.goto(this.server.address + (isolated ? "/isolated" : "") + path);
    if (bare) return page;
    await page.evaluate(async () => {
      globalThis.hadal ??= await import("/hadal/dist/index.js");
      // What a test wants to know of an error.
      globalThis.failure = async (work) => {
        try {
          await work();
        } catch (error) {
          return { name: error.name, code: error.code, message: error.message };
        }
        return null;
      };
    });
    return page;
  }

  /** Keeps a picture of a page for people to look at, in light and in dark. */
  async picture(page, name) {
    const folder = this.setting("HADAL_PICTURES");
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), fullPage: true });
    }
    await page.emulateMedia({ colorScheme: "light" });
  }

  /** Closes everything. */
  async close() {
    await Promise.race([this.context.close(), new Promise((done) => setTimeout(done, 5000).unref())]);
    await rm(this.profile, { recursive: true, force: true }).catch(() => undefined);
  }

  /** Closes everything; returns how many tests passed and how many failed. */
  async end() {
    await this.close();
    return [this.#passed, this.#failed];
  }
}
