// The packed tarball in fresh projects.

import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const VITE = "vite@6.3.5";
const WEBGPU = "webgpu@0.6.2";
const WEBPACK = ["webpack@5.99.9", "webpack-cli@6.0.1"];

/** What a person writes first: a model, an input, the result. */
const program = (models, backend = "cpu") => `
import { devices, HadalError, Model, Tensor } from "hadal";
const model = await Model.load("${models}/magika/model.onnx", { backend: "${backend}" });
const { name, shape } = model.inputs[0];
const extents = shape.map((extent) => (typeof extent === "number" ? extent : 1));
const input = new Tensor(new Int32Array(extents.reduce((a, b) => a * b, 1)), extents);
const result = await model.run({ [name]: input });
const sum = result.get().toArray().reduce((a, b) => a + b, 0);
const error = await model.run({}).catch((error) => error);
export const answer = JSON.stringify({ backend: result.backend, sum: sum.toFixed(3), error: error instanceof HadalError && error.code, threads: (await devices()).find(({ backend }) => backend === "cpu").threads.count });
`;
const EXPECTED = { backend: "cpu", sum: "1.000", error: "input", threads: 1 };

let packing;

/** The tarball as `npm publish` would send it, made once. */
function pack(harness) {
  packing ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), "hadal-pack-"));
    try {
      await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: harness.setting("HADAL_PACKAGE") });
      const tarball = (await readdir(folder)).find((file) => file.endsWith(".tgz"));
      return await readFile(join(folder, tarball));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  })();
  return packing;
}

/** A project with the tarball and other packages installed. */
async function project(harness, name, packages, files, use) {
  const folder = await mkdtemp(join(tmpdir(), `hadal-${name}-`));
  try {
    await writeFile(join(folder, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
    await writeFile(join(folder, "hadal.tgz"), await pack(harness));
    await run("npm", ["install", "--silent", "--no-audit", "--no-fund", "./hadal.tgz", ...packages], { cwd: folder });
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const show = `import { answer } from "./program.js";\ndocument.body.dataset.answer = answer;\n`;
const html = (script, head = "") => `<!doctype html><title>a project</title>${head}<body><script type="module" src="${script}"></script>`;

/** What a built project says in the browser, in a page that may have threads and in one that may not. */
async function visit({ harness, open, server }, name, folder) {
  server.mount(`/${name}/`, folder);
  for (const isolated of [false, true]) {
    const page = await open({ path: `/${name}/index.html`, bare: true, isolated });
    await page.waitForFunction(() => document.body.dataset.answer !== undefined, undefined, { timeout: 60_000 });
    const [answer, processors] = await page.evaluate(() => [document.body.dataset.answer, navigator.hardwareConcurrency]);
    assert.deepEqual(JSON.parse(answer), { ...EXPECTED, threads: isolated ? Math.min(processors, 8) : 1 });
  }
}

export const in_a_page_without_a_bundler = (test) => {
  const map = `<script type="importmap">{ "imports": { "hadal": "./node_modules/hadal/dist/index.js" } }</script>`;
  const files = { "index.html": html("./main.js", map), "main.js": show, "program.js": program("/models") };
  return project(test.harness, "plain", [], files, (folder) => visit(test, "plain", folder));
};

export const in_vite = (test) => {
  const files = { "index.html": html("./main.js"), "main.js": show, "program.js": program("/models"), "vite.config.js": `export default { base: "./", build: { target: "es2022" } };` };
  return project(test.harness, "vite", [VITE], files, async (folder) => {
    await run("npx", ["vite", "build", "--logLevel", "warn"], { cwd: folder });
    await visit(test, "vite", join(folder, "dist"));
  });
};

export const in_webpack = (test) => {
  const config = `export default { mode: "production", entry: "./main.js", performance: { hints: false } };`;
  const files = { "main.js": show, "program.js": program("/models"), "webpack.config.js": config };
  return project(test.harness, "webpack", WEBPACK, files, async (folder) => {
    await run("npx", ["webpack"], { cwd: folder });
    await writeFile(join(folder, "dist/index.html"), html("./main.js"));
    await visit(test, "webpack", join(folder, "dist"));
  });
};

export const in_node_on_cpu = (test) => {
  const files = { "program.js": program(`${test.server.address}/models`), "main.js": `import { answer } from "./program.js";\nconsole.log(answer);\n` };
  return project(test.harness, "node", [], files, async (folder) => {
    const { stdout } = await run("node", ["main.js"], { cwd: folder });
    assert.deepEqual(JSON.parse(stdout), { ...EXPECTED, threads: Math.min(availableParallelism(), 8) });
  });
};

/** WebGPU in Node is Dawn, by the package `webgpu`; here on the SwiftShader that comes with Chromium. */
export const in_node_on_webgpu = (test) => {
  const main = `
import { create, globals } from "webgpu";
Object.assign(globalThis, globals);
Object.defineProperty(globalThis, "navigator", { value: { gpu: create([]) }, configurable: true });
const { answer } = await import("./program.js");
console.log(answer);
process.exit(0);
`;
  const files = { "program.js": program(`${test.server.address}/models`, "wgpu"), "main.js": main };
  return project(test.harness, "node-webgpu", [WEBGPU], files, async (folder) => {
    const env = { ...process.env, VK_ICD_FILENAMES: "/usr/lib/chromium/vk_swiftshader_icd.json" };
    const { stdout } = await run("node", ["main.js"], { cwd: folder, env });
    assert.deepEqual(JSON.parse(stdout.trim().split("\n").at(-1)), { ...EXPECTED, backend: "wgpu" });
  });
};
