// Node, which has some of what a page has under other names.

/** A port as a worker's own end, and as what a page's worker calls `self`. */
export interface Port {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
  close(): void;
}

/** A worker of Node. */
interface NodeWorker {
  on(event: "message" | "error", listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  unref(): void;
}

interface Modules {
  "node:fs/promises": { readFile(url: URL): Promise<Uint8Array> };
  "node:os": { availableParallelism(): number };
  "node:worker_threads": { Worker: new (url: URL) => NodeWorker; parentPort: Port | null };
}

interface Process {
  versions?: { node?: string };
  getBuiltinModule?<Name extends keyof Modules>(name: Name): Modules[Name];
}

/** Node's own modules; `undefined` elsewhere. */
export const builtin = ((): Required<Process>["getBuiltinModule"] | undefined => {
  const node = (globalThis as { process?: Process }).process;
  if (node?.versions?.node === undefined || typeof document !== "undefined") return undefined;
  return node.getBuiltinModule?.bind(node);
})();
