import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Observable } from "../../src/annotate/observable";
import { Presence } from "../../src/annotate/workspace/presence";

let isThere: boolean;
let asked: number;
let offlineSince: Observable<Date | null>;
let page: {
  visibilityState: DocumentVisibilityState;
  addEventListener: Document["addEventListener"];
};
let presence: Presence;

beforeEach(() => {
  vi.useFakeTimers();
  [isThere, asked] = [true, 0];
  offlineSince = new Observable<Date | null>(null);
  page = { visibilityState: "visible", addEventListener: () => {} };
  presence = new Presence({ isThere: async () => (asked++, isThere), offlineSince }, page);
  presence.watch();
});
afterEach(() => vi.useRealTimers());

it("a server that ends is away within seconds, and back when it is", async () => {
  await vi.advanceTimersByTimeAsync(20_000);
  expect([presence.isAway.value, asked]).toEqual([false, 5]);
  isThere = false;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(presence.isAway.value).toBe(true);
  isThere = true;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(presence.isAway.value).toBe(false);
});

it("a request without an answer has it asked at once", async () => {
  await vi.advanceTimersByTimeAsync(1_000);
  isThere = false;
  offlineSince.set(new Date());
  await vi.advanceTimersByTimeAsync(0);
  expect(presence.isAway.value).toBe(true);
});

it("a page out of sight asks nothing", async () => {
  await vi.advanceTimersByTimeAsync(1_000);
  page.visibilityState = "hidden";
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(1);
});
