// The worker: all work happens here, so that the page never waits.

import { Host } from "./host.js";
import type { Message } from "./protocol.js";

const scope = self as unknown as { postMessage(message: unknown, transfer: Transferable[]): void; onmessage: ((event: MessageEvent) => void) | null };
const host = new Host((answer, transfer) => scope.postMessage(answer, transfer));
scope.onmessage = (event: MessageEvent<Message>) => void host.handle(event.data);
