// Rings with fewer places.

import type { Place, Ring } from "./fill";

const LEAST_PLACES = 3; // of a ring that encloses anything

/**
 * A ring with some of its places left out, none of which is further than so many pixels from what
 * remains (Douglas & Peucker 1973). A ring too small for that stays as it is.
 */
export function simplify(ring: Ring, tolerancePx: number): Ring {
  if (ring.length <= LEAST_PLACES) return ring;
  const far = farthest(ring, (place) => Math.hypot(place[0] - ring[0][0], place[1] - ring[0][1]));
  const closed = [...ring, ring[0]];
  const kept = [
    ...simplifyLine(closed.slice(0, far + 1), tolerancePx).slice(0, -1),
    ...simplifyLine(closed.slice(far), tolerancePx).slice(0, -1),
  ];
  return kept.length < LEAST_PLACES ? ring : kept;
}

/** Both ends stay. */
function simplifyLine(line: readonly Place[], tolerancePx: number): Place[] {
  const keep = new Uint8Array(line.length);
  keep[0] = keep[line.length - 1] = 1;
  const parts: [first: number, last: number][] = [[0, line.length - 1]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [first, last] = part;
    if (last - first < 2) continue;
    const between = line.slice(first + 1, last);
    const distance = (place: Place) => distanceTo(place, line[first], line[last]);
    const at = farthest(between, distance);
    if (distance(between[at]) <= tolerancePx) continue;
    const middle = first + 1 + at;
    keep[middle] = 1;
    parts.push([first, middle], [middle, last]);
  }
  return line.filter((_, i) => keep[i]);
}

function farthest(places: readonly Place[], distance: (place: Place) => number): number {
  let [most, at] = [-1, 0];
  places.forEach((place, i) => {
    const far = distance(place);
    if (far > most) [most, at] = [far, i];
  });
  return at;
}

/** From a place to the straight piece between two others. */
export function distanceTo([x, y]: Place, [x0, y0]: Place, [x1, y1]: Place): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = ((x - x0) * dx + (y - y0) * dy) / (dx ** 2 + dy ** 2 || 1);
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}
