// A browser of an annotator and its tabs, around a fake server.

import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { vi } from "vitest";
import { Client } from "../../src/annotate/api/client";
import { Desk } from "../../src/annotate/document/desk";
import { IndexedShelf } from "../../src/annotate/document/indexed-shelf";
import { LastSeen } from "../../src/annotate/document/last-seen";
import { webLock } from "../../src/annotate/document/tab-lock";
import type { FakeServer } from "./fake-server";
import { CODEC, type Patch } from "./patch";

vi.stubGlobal("IDBKeyRange", IDBKeyRange);

/** Web Locks, as far as they are used. */
class FakeLocks {
  private readonly held = new Map<string, { letGo: (error: Error) => void }>();

  async request(
    name: string,
    { steal = false }: LockOptions,
    callback: (lock: Lock | null) => unknown,
  ): Promise<void> {
    const holder = this.held.get(name);
    if (holder && !steal) return void (await callback(null));
    holder?.letGo(new DOMException("stolen", "AbortError"));
    const mine = { letGo: (_: Error) => {} };
    this.held.set(name, mine);
    const stolen = new Promise<never>((_, reject) => (mine.letGo = reject));
    const done = callback({ name, mode: "exclusive" } as Lock) as Promise<void>;
    await Promise.race([done, stolen]);
    if (this.held.get(name) === mine) this.held.delete(name);
  }

  /** What the browser does when a tab ends. */
  clear(): void {
    this.held.clear();
  }
}

export class Browser {
  private readonly databases = new IDBFactory();
  private readonly locks = new FakeLocks();
  private readonly tabs: Desk<Patch>[] = [];

  constructor(
    private readonly server: FakeServer,
    private readonly annotator: string,
  ) {}

  async tab(): Promise<Desk<Patch>> {
    const desk = new Desk({
      client: new Client({ fetch: this.server.fetchFor(this.annotator), pausesMs: [] }),
      codec: CODEC,
      annotator: this.annotator,
      shelf: await IndexedShelf.open("anymask", this.databases),
      lock: webLock(this.locks as unknown as LockManager, "anymask"),
      seen: await LastSeen.open(this.databases),
    });
    this.tabs.push(desk);
    return desk;
  }

  /** End all tabs at once, unsaved as they are. */
  kill(): void {
    for (const desk of this.tabs.splice(0)) desk.dispose();
    this.locks.clear();
  }
}

export const saved = (desk: Desk<Patch>) => until(() => desk.saved.value.kind === "saved");

export const until = (is: () => unknown) =>
  vi.waitFor(
    () => {
      if (!is()) throw new Error("not yet");
    },
    { timeout: 5000, interval: 5 },
  );
