// After the first visit the pages work without a network: their files are kept, and refreshed when the network is there. Models are kept by the package.

const NAME = "hadal-demo";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || url.pathname.includes("/models/")) return;
  event.respondWith(
    (async () => {
      const cache = await caches.open(NAME);
      try {
        const response = await fetch(request);
        if (response.ok) await cache.put(request, response.clone());
        return response;
      } catch (error) {
        const kept = await cache.match(request, { ignoreSearch: true });
        if (kept === undefined) throw error;
        return kept;
      }
    })(),
  );
});
