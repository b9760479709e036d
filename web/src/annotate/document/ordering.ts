// Which mask lies over which.

import type { Version } from "../api/types";

export type Move = "front" | "forward" | "backward" | "back";

/** A mask, as far as its order goes. */
interface Placed {
  readonly id: string;
  readonly version: Pick<Version, "order">;
}

/**
 * The orders that change when masks move; the moved keep their order among themselves. As few
 * change as can, because each is a new version.
 *
 * masks: bottom to top. A step forward or backward goes past the next mask that stays.
 */
export function moved(
  masks: readonly Placed[],
  ids: ReadonlySet<string>,
  move: Move,
): Map<string, number> {
  const moving = masks.filter(({ id }) => ids.has(id));
  const staying = masks.filter(({ id }) => !ids.has(id));
  const under = layersUnder(masks, ids, move);
  const after = [...staying.slice(0, under), ...moving, ...staying.slice(under)];
  if (after.every(({ id }, i) => id === masks[i].id)) return new Map();
  const numbers = numbersOf(masks, staying, moving.length, under);
  const orders = after.map(({ id, version }, i) => ({ id, old: version.order, new: numbers[i] }));
  return new Map(orders.filter((order) => order.new !== order.old).map((o) => [o.id, o.new]));
}

/** How many of those that stay come to lie under the moved. */
function layersUnder(masks: readonly Placed[], ids: ReadonlySet<string>, move: Move): number {
  const stays = ({ id }: Placed) => !ids.has(id);
  const count = masks.filter(stays).length;
  if (move === "front") return count;
  if (move === "back") return 0;
  const isForward = move === "forward";
  const moves = ({ id }: Placed) => ids.has(id);
  const edge = isForward ? masks.findLastIndex(moves) : masks.findIndex(moves);
  const under = masks.slice(0, Math.max(edge, 0)).filter(stays).length;
  return isForward ? Math.min(under + 1, count) : Math.max(under - 1, 0);
}

/** The orders of the masks after the move, bottom to top. */
function numbersOf(
  masks: readonly Placed[],
  staying: readonly Placed[],
  moving: number,
  under: number,
): number[] {
  const kept = staying.map(({ version }) => version.order);
  const count = Array.from({ length: moving }, (_, i) => i);
  if (under === staying.length) return [...kept, ...count.map((i) => kept[under - 1] + 1 + i)];
  if (under === 0) return [...count.map((i) => kept[0] - moving + i), ...kept];
  const orders = masks.map(({ version }) => version.order);
  const isRising = orders.every((order, i) => i === 0 || order > orders[i - 1]);
  return isRising ? orders : orders.map((_, i) => i); // equal ones, as imports have them
}
