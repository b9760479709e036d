// The page as the browser keeps it, for a reload while the server is away (service-worker/).

import type { LastSeen } from "./document";

const FIRST_WITHIN_MS = 1_500;
const SEEN = "anymask seen";

/**
 * Have the browser keep the page. At the first visit this waits until it does, for a moment at most:
 * what is fetched from then on is kept, too. Pages of plain http hosts are not kept.
 */
export async function keepPage(): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!workers || !import.meta.env.PROD) return;
  try {
    const isFirst = (await workers.getRegistration()) === undefined;
    const controlled = new Promise<void>((resolve) =>
      workers.addEventListener("controllerchange", () => resolve(), { once: true }),
    );
    const registering = workers.register("./service-worker.js");
    if (!isFirst) return void registering.catch(() => {}); // the server may be away
    await registering;
    const late = new Promise((resolve) => setTimeout(resolve, FIRST_WITHIN_MS));
    await Promise.race([controlled, late]);
  } catch (error) {
    console.warn("the browser keeps no page:", error); // and does all else
  }
}

/** Forget all that was seen of a project, which somebody else may not see. */
export async function forgetSeen(seen: LastSeen | null): Promise<void> {
  await seen?.clear();
  const kept = globalThis.caches as CacheStorage | undefined;
  if (!kept) return;
  const names = (await kept.keys()).filter((name) => name.startsWith(SEEN));
  await Promise.all(names.map((name) => kept.delete(name)));
}
