import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EffortClock } from "../../src/annotate/document/effort";

let nudges: number;
let clock: EffortClock;

beforeEach(() => {
  vi.useFakeTimers();
  nudges = 0;
  clock = new EffortClock({ modelId: "tiny", onNudge: () => nudges++ });
  clock.setVisible(true);
});
afterEach(() => vi.useRealTimers());

const wait = (seconds: number) => vi.advanceTimersByTime(1000 * seconds);

/** Seconds of somebody who moves the mouse all the time. */
function busy(seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    wait(1);
    clock.sign();
  }
}

describe("the time on a mask", () => {
  it("counts from the acceptance of the one before", () => {
    busy(10);
    expect(clock.take().seconds).toBe(10);
    busy(3);
    expect([clock.seconds, clock.take().seconds, clock.seconds]).toEqual([3, 3, 0]);
  });

  it("counts a pause as thinking for half a minute, and no longer", () => {
    busy(5);
    wait(20);
    clock.sign();
    expect(clock.seconds).toBe(25);
    wait(600);
    expect(clock.seconds).toBe(55);
    clock.sign();
    busy(1);
    expect(clock.seconds).toBe(56);
  });

  it("stands still while the page is out of sight", () => {
    busy(5);
    wait(2);
    clock.setVisible(false);
    busy(100);
    clock.setVisible(true);
    wait(1);
    expect(clock.seconds).toBe(8);
  });

  it("does not run before the page is seen", () => {
    const unseen = new EffortClock({ modelId: null });
    wait(10);
    unseen.sign();
    expect(unseen.seconds).toBe(0);
  });
});

describe("what was done", () => {
  it("is counted by kind and can be replayed", () => {
    wait(1);
    clock.record({ kind: "click", x: 3, y: 4, add: true });
    wait(0.5);
    clock.record({ kind: "click", x: 5, y: 6, add: false });
    clock.record({ kind: "box", box: [0, 0, 9, 9] });
    clock.record({ kind: "stroke", add: true, diameter: 8, points: [[1, 2]] });
    clock.record({ kind: "lasso", add: false, points: [] });
    clock.record({ kind: "choose", chosen: 2 });
    clock.record({ kind: "choose", chosen: 1 });
    clock.record({ kind: "undo" });
    const { events, ...effort } = clock.take();
    expect(effort).toEqual({
      seconds: 1.5,
      clicks_add: 1,
      clicks_remove: 1,
      boxes: 1,
      strokes: 2,
      chosen: 1,
      model_id: "tiny",
    });
    expect(events.slice(0, 2)).toEqual([
      { t_s: 1, kind: "click", x: 3, y: 4, add: true },
      { t_s: 1.5, kind: "click", x: 5, y: 6, add: false },
    ]);
    expect(events.length).toBe(8);
    expect(clock.value).toMatchObject({ clicks_add: 0, chosen: null, events: [] });
  });

  it("goes on with a draft after a reload", () => {
    busy(20);
    clock.record({ kind: "click", x: 1, y: 1, add: true });
    const kept = clock.value;
    const again = new EffortClock({ modelId: "tiny", onNudge: () => nudges++ });
    again.setVisible(true);
    again.restore(kept);
    wait(5);
    again.record({ kind: "box", box: [0, 0, 1, 1] });
    expect(again.value).toMatchObject({ seconds: 25, clicks_add: 1, boxes: 1 });
    expect(again.value.events.map(({ t_s }) => t_s)).toEqual([20, 25]);
  });
});

describe("the nudge", () => {
  it("comes once, after 30 s on a mask", () => {
    busy(29);
    expect(nudges).toBe(0);
    busy(90);
    expect(nudges).toBe(1);
    clock.take();
    busy(31);
    expect(nudges).toBe(2);
  });

  it("knows the time out of sight, and what a draft has taken", () => {
    busy(20);
    clock.setVisible(false);
    wait(60);
    clock.setVisible(true);
    busy(9);
    expect(nudges).toBe(0);
    busy(1);
    expect(nudges).toBe(1);
    clock.restore({ ...clock.value, seconds: 28 });
    wait(3);
    expect(nudges).toBe(2);
    clock.restore({ ...clock.value, seconds: 40 });
    busy(40);
    expect(nudges).toBe(2);
  });
});

it("listens to a page and stops", () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const watched = new EffortClock({ modelId: null });
  const stop = watched.watch(page as unknown as Document);
  wait(5);
  expect(watched.seconds).toBe(0);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  wait(200);
  page.dispatchEvent(new Event("pointermove"));
  wait(2);
  expect(watched.seconds).toBe(32);
  stop();
  page.dispatchEvent(new Event("pointermove"));
  wait(200);
  expect(watched.seconds).toBe(60);
});
