import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/annotate/api/client";
import type { Action } from "../../src/annotate/api/types";
import { NO_EFFORT } from "../../src/annotate/document/effort";
import { MemoryShelf } from "../../src/annotate/document/memory-shelf";
import { Outbox } from "../../src/annotate/document/outbox";
import { uuid4 } from "../../src/annotate/document/uuid";
import { FakeServer, type Fault } from "./fake-server";
import { CODEC, patch } from "./patch";

let server: FakeServer;
let client: Client;
let shelf: MemoryShelf;
let tokens: Map<number, string>;
let outbox: Outbox;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  client = new Client({ fetch: server.fetchFor("Ada"), pausesMs: [] });
  shelf = new MemoryShelf();
  tokens = new Map();
  for (const id of [1, 2]) tokens.set(id, (await client.lease(id, null)).token);
  outbox = make();
});

afterEach(() => {
  outbox.close();
  vi.useRealTimers();
});

function make(keeps = true): Outbox {
  return new Outbox({ client, shelf, tokenOf: (id) => tokens.get(id) ?? null, keeps });
}

function adding(counts?: string): Action {
  const segmentation = counts ? { size: [60, 80] as const, counts } : CODEC.encode(patch(1));
  const facts = {
    label_id: null,
    group: null,
    order: 0,
    source: "model",
    predicted_iou: null,
    is_suggested: false,
  };
  const after = { ...facts, id: uuid4(), segmentation, bbox: [1, 1, 5, 5] as const, area: 25 };
  const changes = [{ mask_id: uuid4(), before: null, after }];
  const at = "2026-01-01T00:00:00+00:00";
  return { id: uuid4(), kind: "add", target: null, at, changes, effort: NO_EFFORT };
}

/** Let everything happen that needs no time. */
const settle = () => vi.advanceTimersByTimeAsync(0);
const posts = () => server.heard.filter((request) => request.endsWith("/actions")).length;
const ids = (actions: readonly { readonly id: string }[]) => actions.map(({ id }) => id);

function failing(...faults: Fault[]): void {
  server.fault = (request) => (request.endsWith("/actions") ? (faults.shift() ?? null) : null);
}

describe("on a good day", () => {
  it("actions are kept, sent in order, and gone when acknowledged", async () => {
    const actions = [adding(), adding(), adding()];
    actions.forEach((action) => outbox.put(1, action));
    expect(outbox.state.value).toMatchObject({ kind: "saving", waiting: 3, isKept: true });
    expect(ids((await shelf.actions(1)).map(({ action }) => action))).toEqual(ids(actions));
    await settle();
    expect(outbox.state.value).toEqual({ kind: "saved", waiting: 0, isKept: true });
    expect(ids(server.image().log)).toEqual(ids(actions));
    expect(await shelf.actions(1)).toEqual([]);
  });

  it("what is not on the shelf yet is not sent", async () => {
    let keep = (_: number) => {};
    const kept = new Promise<number>((resolve) => (keep = resolve));
    vi.spyOn(shelf, "putAction").mockReturnValueOnce(kept);
    outbox.put(1, adding());
    await settle();
    expect(posts()).toBe(0);
    keep(1);
    await settle();
    expect([posts(), outbox.state.value.kind]).toEqual([1, "saved"]);
  });

  it("one request is under way, and what comes meanwhile goes together", async () => {
    let open = () => {};
    server.gate = new Promise((resolve) => (open = resolve));
    outbox.put(1, adding());
    await settle();
    for (let i = 0; i < 60; i++) outbox.put(1 + (i % 2), adding());
    await settle();
    expect(posts()).toBe(1);
    open();
    await settle();
    expect([posts(), server.mostUnderWay]).toEqual([3, 1]);
    expect(server.image(1).log.length + server.image(2).log.length).toBe(61);
  });

  it("large actions do not go together", async () => {
    for (let i = 0; i < 3; i++) outbox.put(1, adding("1".repeat(700_000)));
    await settle();
    expect(posts()).toBe(3);
  });
});

describe("on a bad day", () => {
  it("it says since when, goes on taking, and tries again after growing pauses", async () => {
    failing(...Array<Fault>(12).fill("down"));
    vi.spyOn(Math, "random").mockReturnValue(1);
    const began = new Date();
    outbox.put(1, adding());
    await settle();
    expect(outbox.state.value).toMatchObject({
      kind: "offline",
      since: began,
      waiting: 1,
      isAnswered: false,
    });
    const pauses: number[] = [];
    for (let last = Date.now(); posts() < 12;) {
      const before = posts();
      await vi.advanceTimersToNextTimerAsync();
      if (posts() === before) continue;
      pauses.push(Date.now() - last);
      last = Date.now();
    }
    expect(pauses.slice(0, 4)).toEqual([500, 1000, 2000, 4000]);
    expect(pauses.at(-1)).toBe(10_000);
    outbox.put(1, adding());
    await settle();
    expect([posts(), outbox.state.value.waiting]).toEqual([12, 2]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(outbox.state.value.kind).toBe("saved");
    expect(server.image().log.length).toBe(2);
  });

  it("may be told that it is over", async () => {
    failing("down", "down", "down");
    outbox.put(1, adding());
    await vi.advanceTimersByTimeAsync(1500);
    expect(posts()).toBe(3);
    outbox.retry();
    await settle();
    expect([posts(), outbox.state.value.kind]).toEqual([4, "saved"]);
  });

  it.each([
    { status: 507, kind: "storage", error: "the disk is full" },
    { status: 503, kind: "busy", error: "the database is gone" },
    { status: 500, error: "an unknown fault" },
  ] as const)("$error: it waits and says so", async (fault) => {
    failing(fault);
    outbox.put(1, adding());
    await settle();
    expect(outbox.state.value).toMatchObject({
      kind: "offline",
      reason: fault.error,
      isAnswered: true,
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(outbox.state.value.kind).toBe("saved");
  });

  it("a lost answer does nothing twice", async () => {
    failing("lost", "lost");
    const actions = [adding(), adding()];
    actions.forEach((action) => outbox.put(1, action));
    await vi.advanceTimersByTimeAsync(5000);
    expect(ids(server.image().log)).toEqual(ids(actions));
    expect(outbox.state.value.kind).toBe("saved");
  });

  it("a browser that keeps nothing is told, and sent all the same", async () => {
    vi.spyOn(shelf, "putAction").mockRejectedValue(new DOMException("full", "QuotaExceededError"));
    failing("down");
    outbox.put(1, adding());
    await settle();
    expect(outbox.state.value).toMatchObject({ kind: "offline", isKept: false });
    await vi.advanceTimersByTimeAsync(1000);
    expect(outbox.state.value).toEqual({ kind: "saved", waiting: 0, isKept: true });
    const forgetful = make(false);
    failing("down");
    forgetful.put(1, adding());
    expect(forgetful.state.value.isKept).toBe(false);
    forgetful.close();
  });
});

describe("what stands in the way", () => {
  it("a conflict stops its image alone, until other actions take the place", async () => {
    failing({ status: 409, kind: "conflict", error: "changed" });
    outbox.put(1, adding());
    await settle();
    outbox.put(1, adding());
    outbox.put(2, adding());
    await settle();
    expect(outbox.state.value).toMatchObject({ kind: "conflict", imageId: 1, waiting: 2 });
    expect(server.image(2).log.length).toBe(1);
    const other = adding();
    await outbox.replace(1, [other]);
    await settle();
    expect(ids(server.image(1).log)).toEqual([other.id]);
    expect([outbox.state.value.kind, await shelf.actions(1)]).toEqual(["saved", []]);
  });

  it("a lost lease says who has the image, and goes on with a new one", async () => {
    server.image().lease = { annotator: "Bob", token: "his" };
    outbox.put(1, adding());
    await settle();
    const { holder } = outbox.state.value as { holder?: { annotator: string } };
    expect([outbox.state.value.kind, holder?.annotator]).toEqual(["lease lost", "Bob"]);
    server.image().lease = null;
    tokens.set(1, (await client.lease(1, null)).token);
    outbox.resume(1);
    await settle();
    expect([outbox.state.value.kind, server.image().log.length]).toEqual(["saved", 1]);
  });

  it("without a lease nothing is sent", async () => {
    tokens.delete(1);
    outbox.put(1, adding());
    await settle();
    expect([outbox.state.value.kind, posts()]).toEqual(["lease lost", 0]);
  });

  it("of actions that are refused, those before go first", async () => {
    const actions = [adding(), adding(), adding()];
    const bad = { ...actions[1], changes: [] };
    [actions[0], bad, actions[2]].forEach((action) => outbox.put(1, action));
    await settle();
    expect(outbox.state.value).toMatchObject({ kind: "refused", imageId: 1, waiting: 2 });
    expect((outbox.state.value as { reason: string }).reason).toContain("none that add makes");
    expect(ids(server.image().log)).toEqual([actions[0].id]);
    await outbox.replace(1, []);
    expect(outbox.state.value.kind).toBe("saved");
  });
});

describe("after the page ended", () => {
  it("what was kept goes before what is new", async () => {
    failing(...Array<Fault>(9).fill("down"));
    const old = [adding(), adding()];
    old.forEach((action) => outbox.put(1, action));
    await settle();
    outbox.close();
    outbox = make();
    failing();
    await outbox.load(1);
    const fresh = adding();
    outbox.put(1, fresh);
    expect(ids(outbox.waiting(1))).toEqual([...ids(old), fresh.id]);
    await outbox.load(1); // again: each is there once
    await settle();
    expect(ids(server.image().log)).toEqual([...ids(old), fresh.id]);
    expect(outbox.state.value.kind).toBe("saved");
  });

  it("drained is when nothing of the image waits", async () => {
    failing("down");
    let isDrained = false;
    outbox.put(1, adding());
    void outbox.drained(1).then(() => (isDrained = true));
    await settle();
    expect(isDrained).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(isDrained).toBe(true);
    await outbox.drained(2);
  });
});
