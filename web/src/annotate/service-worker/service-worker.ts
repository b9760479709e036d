// Answers for the server while it is away: the page's own files, the model, and the pictures and
// embeddings that were seen last. Whatever the server answers goes before what is kept; nothing that
// lets somebody in is kept, and nothing that says how the work stands: the page does that itself.

export {};
declare const self: ServiceWorkerGlobalScope;

const PAGE = "anymask page"; // and its hash; the newest alone
const MODEL = "anymask model";
const SEEN = { large: "anymask seen whole", small: "anymask seen parts" } as const;
const MOST_SEEN = { large: 24, small: 600 } as const; // an image's picture and embedding: 2 large
const TITLE = "<title>anymask annotate</title>";
const PAGE_WITHIN_MS = 3_000;
const NO_SERVER: readonly number[] = [502, 503, 504]; // a proxy speaks

/** What goes its own way without asking here, where the browser knows how: a person waits for it. */
const OWN_WAY = [
  "/health",
  "/api/project",
  "/api/next",
  "/api/images",
  "/api/images/:id",
  "/api/images/:id/lease",
  "/api/images/:id/actions",
  "/api/images/:id/versions",
];

/** Newer than the types. */
interface RoutingEvent {
  addRoutes?(routes: readonly { condition: object; source: "network" }[]): Promise<void>;
}

const SCOPE = new URL(self.registration.scope);
const FILES = /"(\.\/assets\/[^"]+)"/g; // that the page names
const PICTURES = /^api\/images\/\d+\/(?:(pixels|embedding)|thumbnail|tiles\/\d+\/\d+\/\d+)$/;

self.addEventListener("install", (event) => {
  const begin = async () => {
    const condition = (pathname: string) => ({ urlPattern: { pathname } });
    const routes = OWN_WAY.map((pathname) => ({
      condition: condition(pathname),
      source: "network" as const,
    }));
    await (event as RoutingEvent).addRoutes?.(routes).catch(() => {});
    await keepPage(await fetch(SCOPE, { cache: "no-cache" }));
    await self.skipWaiting();
  };
  event.waitUntil(begin());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const answer = answerTo(event);
  if (answer) event.respondWith(answer);
});

/** null: it goes its own way. */
function answerTo(event: FetchEvent): Promise<Response> | null {
  const { request } = event;
  const { origin, pathname, searchParams } = new URL(request.url);
  if (request.method !== "GET" || origin !== SCOPE.origin || searchParams.has("token")) return null;
  if (!pathname.startsWith(SCOPE.pathname)) return null;
  const path = pathname.slice(SCOPE.pathname.length);
  if (request.mode === "navigate") return path === "" ? page(event) : null;
  if (path.startsWith("assets/")) return file(event);
  if (path === "model/export.json") return modelFacts(event);
  if (path.startsWith("model/") && searchParams.has("sha256")) return modelFile(event);
  const [isPicture, large] = PICTURES.exec(path) ?? [];
  return isPicture ? picture(event, large ? "large" : "small") : null;
}

// --- the page

/** The server's if it answers in time, so that a new version is seen at once. */
async function page(event: FetchEvent): Promise<Response> {
  const asked = fetch(event.request);
  event.waitUntil(asked.then((response) => keepPage(response.clone())).catch(() => {}));
  const late = new Promise<null>((resolve) => setTimeout(resolve, PAGE_WITHIN_MS, null));
  const response = await Promise.race([asked.catch(() => null), late]);
  if (response && !NO_SERVER.includes(response.status)) return response;
  return (await keptPage()) ?? asked;
}

async function keptPage(): Promise<Response | undefined> {
  const names = await pages();
  return names.length ? (await caches.open(names.at(-1)!)).match(SCOPE) : undefined;
}

/** Keep a page with the files that it names, in the place of an older one. */
async function keepPage(response: Response): Promise<void> {
  if (response.type !== "basic" || !response.ok || response.redirected) return;
  const text = await response.clone().text();
  const old = await pages();
  if (!text.includes(TITLE)) return void (await forget(old)); // something else lives here now
  const name = `${PAGE} ${await hashOf(text)}`;
  const cache = await caches.open(name);
  if (await cache.match(SCOPE)) return;
  await cache.addAll([...text.matchAll(FILES)].map(([, path]) => new URL(path, SCOPE).href));
  await cache.put(SCOPE, response); // the last: what is kept is whole
  await forget(old.filter((other) => other !== name));
}

/** A file whose name changes with its content. */
async function file({ request }: FetchEvent): Promise<Response> {
  const kept = await caches.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  const name = (await pages()).at(-1);
  if (response.ok && name) await put(name, request, response.clone());
  return response;
}

async function pages(): Promise<string[]> {
  return (await caches.keys()).filter((name) => name.startsWith(`${PAGE} `));
}

// --- the model

/** What the model's files are; those of another one go. */
async function modelFacts({ request }: FetchEvent): Promise<Response> {
  const response = await fetch(request).catch(() => null);
  const kept = await caches.match(request, { cacheName: MODEL });
  if (!response?.ok) return kept ?? response ?? Response.error();
  if ((await kept?.text()) !== (await response.clone().text())) {
    await caches.delete(MODEL);
    await put(MODEL, request, response.clone());
  }
  return response;
}

async function modelFile(event: FetchEvent): Promise<Response> {
  const { request } = event;
  const kept = await caches.match(request, { cacheName: MODEL });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) event.waitUntil(put(MODEL, request, response.clone()));
  return response;
}

// --- pictures and embeddings

async function picture(event: FetchEvent, size: keyof typeof SEEN): Promise<Response> {
  const { request } = event;
  const response = await fetch(request).catch(() => null);
  if (!response || NO_SERVER.includes(response.status)) {
    const kept = await caches.match(request.url, { cacheName: SEEN[size] });
    return kept ?? response ?? Response.error();
  }
  if (response.status === 200) event.waitUntil(keepSeen(request, response.clone(), size));
  return response;
}

async function keepSeen(request: Request, response: Response, size: keyof typeof SEEN) {
  const cache = await caches.open(SEEN[size]);
  const kept = size === "small" ? await cache.match(request.url) : null;
  const tag = response.headers.get("ETag");
  if (kept && tag && kept.headers.get("ETag") === tag) return void response.body?.cancel();
  await cache.delete(request.url); // the latest is the last in the cache's order
  await put(SEEN[size], request.url, response);
  const keys = await cache.keys();
  const oldest = keys.slice(0, Math.max(keys.length - MOST_SEEN[size], 0));
  await Promise.all(oldest.map((key) => cache.delete(key)));
}

// --- caches

/** Where the browser has no room, nothing is kept. */
async function put(name: string, request: RequestInfo, response: Response): Promise<void> {
  await (await caches.open(name)).put(request, response).catch(() => {});
}

async function forget(names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => caches.delete(name)));
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest.slice(0, 8))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
