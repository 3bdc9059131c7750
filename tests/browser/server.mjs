// A small server with ranges and ETags, which can fail in the ways that servers do.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";

const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml" };
const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp", "cross-origin-resource-policy": "same-origin" };

/** Bytes that are made when they are sent, and never lie anywhere as a whole. */
export class Generated {
  /** `fill(offset, buffer)` fills the buffer with what stands at the offset. */
  constructor(length, fill, start = 0) {
    Object.assign(this, { length, fill, start });
  }

  subarray(from, to = this.length) {
    return new Generated(Math.min(to, this.length) - from, this.fill, this.start + from);
  }

  bytes() {
    const bytes = Buffer.alloc(this.length);
    this.fill(this.start, bytes);
    return bytes;
  }
}

export class Server {
  /** Folders by the beginnings of paths; the longest counts. */
  #folders;
  #memory = new Map();
  /** Every request: `{path, range, status}`. */
  requests = [];
  /**
   * Faults by path, each used up by one request: `{status}`, `{breakAfter: bytes}`, `{cut: bytes}` (a shorter file), `{whole: true}` (no
   * ranges), `{slow: milliseconds}`.
   */
  faults = new Map();

  static async start(folders) {
    const server = new Server();
    server.#folders = folders;
    const http = createServer((request, response) => void server.#answer(request, response));
    await new Promise((ready) => http.listen(0, "127.0.0.1", ready));
    http.unref();
    server.address = `http://127.0.0.1:${http.address().port}`;
    return server;
  }

  /** Serves bytes under a path, held or generated. */
  put(path, bytes) {
    this.#memory.set(path, bytes instanceof Generated ? bytes : Buffer.from(bytes));
  }

  /** No longer serves them. */
  remove(path) {
    this.#memory.delete(path);
  }

  /** Serves a folder under the beginning of a path. */
  mount(start, folder) {
    this.#folders[start] = folder;
  }

  /** The next requests of a path fail so, one after another. */
  fail(path, ...faults) {
    this.faults.set(path, faults);
  }

  /** Requests of a path since the last call. */
  take(path) {
    const found = this.requests.filter((request) => request.path === path);
    this.requests = this.requests.filter((request) => request.path !== path);
    return found;
  }

  async #answer(request, response) {
    let path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const isolated = path.startsWith("/isolated/");
    if (isolated) path = path.slice("/isolated".length);
    const entry = { path, range: request.headers.range, status: 0 };
    this.requests.push(entry);
    const end = (status, headers, body) => {
      entry.status = status;
      response.writeHead(status, { ...headersFor(isolated), "cache-control": "no-cache", ...headers });
      response.end(body);
    };
    if (path === "/") return end(200, { "content-type": "text/html" }, "<!doctype html><title>hadal</title>");
    const fault = this.faults.get(path)?.shift() ?? {};
    if (fault.status !== undefined) return end(fault.status, {}, "");
    let body = await this.#read(path);
    if (body === undefined) return end(404, {}, "");
    if (fault.cut !== undefined) body = body.subarray(0, fault.cut);
    const etag = `"${createHash("sha1").update(held(body.subarray(0, 1 << 16))).update(String(body.length)).digest("hex")}"`;
    const headers = { "content-type": TYPES[extname(path)] ?? "application/octet-stream", etag, "accept-ranges": "bytes" };
    const range = /^bytes=(\d+)-$/.exec(entry.range ?? "");
    const from = range !== null && fault.whole === undefined && (request.headers["if-range"] ?? etag) === etag ? Number(range[1]) : 0;
    const part = body.subarray(from);
    entry.status = from > 0 ? 206 : 200;
    if (from > 0) headers["content-range"] = `bytes ${from}-${body.length - 1}/${body.length}`;
    response.writeHead(entry.status, { ...headersFor(isolated), "cache-control": "no-cache", ...headers, "content-length": part.length });
    const step = fault.slow !== undefined ? 256 << 10 : part instanceof Generated ? 4 << 20 : part.length;
    for (let at = 0; at < part.length; at += step) {
      const piece = part.subarray(at, Math.min(at + step, fault.breakAfter ?? part.length));
      if (response.destroyed) return;
      await new Promise((done) => response.write(held(piece), done));
      if (fault.slow !== undefined) await new Promise((done) => setTimeout(done, fault.slow));
      if (fault.breakAfter !== undefined && at + step >= fault.breakAfter) {
        await new Promise((done) => setTimeout(done, 100));
        response.destroy();
        return;
      }
    }
    response.end();
  }

  async #read(path) {
    const kept = this.#memory.get(path);
    if (kept !== undefined) return kept;
    const found = Object.keys(this.#folders).filter((start) => path.startsWith(start));
    const start = found.sort((a, b) => b.length - a.length)[0];
    if (start === undefined || path.includes("..")) return undefined;
    return await readFile(join(this.#folders[start], path.slice(start.length))).catch(() => undefined);
  }
}

function held(body) {
  return body instanceof Generated ? body.bytes() : body;
}

/** Workers and modules of an isolated page need the headers, too; they do no harm elsewhere. */
function headersFor(isolated) {
  return isolated ? ISOLATION : { "cross-origin-resource-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
}
