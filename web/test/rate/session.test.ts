// A rater's session: ratings arrive once, in order; what fails is tried again; one can go back.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError } from "../../src/annotate/api/errors";
import type { Client, Progress, RatingDraft, Showing } from "../../src/rate/api/client";
import { keyOf, ratingOf, STEPS } from "../../src/rate/scale";
import { Session } from "../../src/rate/session.svelte";

const TOTAL = 112;

/** A server of one rater. */
class FakeServer {
  readonly kept = new Map<number, RatingDraft>();
  failures: Error[] = [];
  sent: RatingDraft[] = [];

  rating = async () => ({ rater: "", raters: [], masks: TOTAL, break_every: 50, version: "" });
  picture = async () => ({ width: 8, height: 6, close() {} }) as ImageBitmap;
  progress = async (rater: string): Promise<Progress> => ({
    rater,
    done: this.kept.size,
    total: TOTAL,
    current: this.kept.size < TOTAL ? this.at(this.kept.size) : null,
    upcoming: "/next",
    last: this.kept.size ? this.kept.size - 1 : null,
  });
  showing = async (_rater: string, number: number) => this.at(number);
  rate = async (draft: RatingDraft): Promise<Progress> => {
    this.sent.push(draft);
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.kept.set(draft.showing, draft);
    return this.progress(draft.rater);
  };

  private at(number: number): Showing {
    return {
      number,
      picture: `/picture/${number}`,
      width: 8,
      height: 6,
      segmentation: { size: [6, 8], counts: "`1" },
      point: [3, 3],
      rating: this.kept.get(number)?.rating ?? null,
      before: number ? number - 1 : null,
    };
  }
}

describe("a session", () => {
  let server: FakeServer;
  let session: Session;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
    const page = { addEventListener() {}, visibilityState: "visible" };
    vi.stubGlobal("document", page);
    server = new FakeServer();
    session = new Session(server as unknown as Client);
    await session.open();
    session.name = "Ada";
    await session.begin();
    return () => {
      vi.useRealTimers();
      vi.unstubAllGlobals();
    };
  });

  async function rate(rating: number): Promise<void> {
    vi.advanceTimersByTime(1000);
    await session.rate(rating);
  }

  test("goes from mask to mask", async () => {
    for (const rating of [3, 7, 10]) await rate(rating);
    expect([...server.kept.values()].map(({ rating }) => rating)).toEqual([3, 7, 10]);
    expect([...server.kept.values()].map(({ seconds }) => seconds)).toEqual([1, 1, 1]);
    expect(session.shown?.showing.number).toBe(3);
  });

  test("a key that is still down rates nothing", async () => {
    await rate(5);
    await session.rate(5);
    expect(server.kept.size).toBe(1);
  });

  test("what is typed meanwhile makes nobody else of a rater", async () => {
    session.leave();
    session.name = "Ben";
    const begun = session.begin();
    session.name = "Ben9";
    await begun;
    await rate(4);
    expect(server.sent.map(({ rater }) => rater)).toEqual(["Ben"]);
    expect([session.name, session.rater]).toEqual(["Ben", "Ben"]);
  });

  test("one at a time", async () => {
    vi.advanceTimersByTime(1000);
    await Promise.all([session.rate(4), session.rate(5)]);
    expect(server.sent.map(({ rating }) => rating)).toEqual([4]);
  });

  test("what does not arrive is sent again under its id", async () => {
    server.failures = [new ApiError("offline", "gone"), new ApiError("storage", "disk full", 503)];
    vi.advanceTimersByTime(1000);
    const rated = session.rate(6);
    await vi.advanceTimersByTimeAsync(1);
    expect(session.trouble).toContain("not saved yet: gone");
    expect(session.given).toBe(6);
    await vi.advanceTimersByTimeAsync(10_000);
    await rated;
    expect(server.sent).toHaveLength(3);
    expect(new Set(server.sent.map(({ id }) => id)).size).toBe(1);
    expect([session.trouble, session.given, server.kept.size]).toEqual(["", null, 1]);
  });

  test("what is refused is told, and the mask stays", async () => {
    server.failures = [new ApiError("invalid", "no such mask", 422)];
    await rate(6);
    expect(session.trouble).toBe("no such mask");
    expect(session.shown?.showing.number).toBe(0);
    await rate(6);
    expect([session.trouble, server.kept.size]).toEqual(["", 1]);
  });

  test("goes back, corrects, and comes back to where it was", async () => {
    for (const rating of [3, 7, 8]) await rate(rating);
    await session.back();
    await session.back();
    expect(session.isCorrecting).toBe(true);
    expect(session.shown?.showing).toMatchObject({ number: 1, rating: 7 });
    await rate(2);
    expect(session.shown?.showing.number).toBe(3);
    expect(server.kept.get(1)?.rating).toBe(2);
    await session.back();
    await session.forward();
    expect([session.isCorrecting, session.shown?.showing.number]).toEqual([false, 3]);
  });

  test("a break every fifty, and none shortly before the end", async () => {
    const screens: string[] = [];
    while (session.screen !== "done") {
      await rate(5);
      screens.push(session.screen);
      session.goOn();
    }
    expect(screens).toHaveLength(TOTAL);
    const breaks = screens.flatMap((screen, i) => (screen === "rest" ? [i + 1] : []));
    expect(breaks).toEqual([50, 100]);
    await session.back();
    expect([session.screen, session.shown?.showing.number]).toEqual(["rate", TOTAL - 1]);
  });

  test("tells how long the rest takes", async () => {
    expect(session.secondsLeft).toBeNull();
    for (let i = 0; i < 12; i++) await rate(5);
    expect(session.secondsLeft).toBeCloseTo(100, 3);
  });
});

test("keys and steps are ten each", () => {
  expect(STEPS.map(({ rating }) => rating)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(STEPS.map(({ rating }) => ratingOf(keyOf(rating)))).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ]);
  for (const key of ["a", "10", "", " ", "Enter", "٣"]) expect(ratingOf(key)).toBeNull();
});
