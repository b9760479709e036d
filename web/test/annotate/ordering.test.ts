import fc from "fast-check";
import { expect, it } from "vitest";
import { type Move, moved } from "../../src/annotate/document/ordering";

const MOVES = ["front", "forward", "backward", "back"] as const;

const stack = (orders: readonly number[]) =>
  orders.map((order, i) => ({ id: `m${i}`, version: { order } }));

/** The ids bottom to top after orders changed; equal ones stay as they lay. */
function after(masks: ReturnType<typeof stack>, orders: ReadonlyMap<string, number>): string[] {
  const placed = masks.map(({ id, version }) => ({ id, order: orders.get(id) ?? version.order }));
  return placed.sort((a, b) => a.order - b.order).map(({ id }) => id);
}

/** One mask moved the way that a person would move a card in a pile. */
function byHand(ids: readonly string[], id: string, move: Move): string[] {
  const rest = ids.filter((other) => other !== id);
  const at = ids.indexOf(id);
  const to = { front: rest.length, back: 0, forward: at + 1, backward: at - 1 }[move];
  rest.splice(Math.min(Math.max(to, 0), rest.length), 0, id);
  return rest;
}

const orders = fc.array(fc.integer({ min: -3, max: 20 }), { minLength: 1, maxLength: 12 });

it("one mask goes where a card would go", () => {
  fc.assert(
    fc.property(orders, fc.nat(), fc.constantFrom(...MOVES), (numbers, which, move) => {
      const masks = stack(numbers.sort((a, b) => a - b));
      const { id } = masks[which % masks.length];
      const ids = masks.map((mask) => mask.id);
      expect(after(masks, moved(masks, new Set([id]), move))).toEqual(byHand(ids, id, move));
    }),
  );
});

it("several go together, in their order", () => {
  fc.assert(
    fc.property(orders, fc.array(fc.nat()), fc.constantFrom(...MOVES), (numbers, which, move) => {
      const masks = stack(numbers.sort((a, b) => a - b));
      const ids = new Set(which.map((i) => masks[i % masks.length].id));
      const was = masks.map(({ id }) => id);
      const is = after(masks, moved(masks, ids, move));
      const among = (list: string[], those: boolean) => list.filter((id) => ids.has(id) === those);
      expect(among(is, true)).toEqual(among(was, true));
      expect(among(is, false)).toEqual(among(was, false));
      if (move === "front") expect(is.slice(is.length - ids.size)).toEqual(among(was, true));
      if (move === "back") expect(is.slice(0, ids.size)).toEqual(among(was, true));
    }),
  );
});

it("few numbers change", () => {
  const masks = stack([0, 1, 2, 3, 4]);
  expect(moved(masks, new Set(["m0"]), "front")).toEqual(new Map([["m0", 5]]));
  expect(moved(masks, new Set(["m4"]), "back")).toEqual(new Map([["m4", -1]]));
  expect(moved(masks, new Set(["m1"]), "forward").size).toBe(2);
  expect(moved(masks, new Set(["m4"]), "forward").size).toBe(0);
});
