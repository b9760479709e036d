// Rows that need not be computed: below a picture lies padding, all of whose rows are alike, and so
// are the rows that layers make of them, but for a border above and below. What windows make of
// them repeats with the windows. Such rows are copied from those above them, bit for bit the same.

/** Which rows a row of a step's answer depends on. */
export type Reach =
  | { readonly kind: "row" }
  | { readonly kind: "near"; readonly stride: number } // a 3×3 convolution
  | { readonly kind: "window"; readonly side: number };

/** A step that leaves out rows. */
export interface Part {
  /** Where it finds which, five whole numbers: see `repeated`. */
  readonly known: number;
  readonly reach: Reach;
  /** What it counts in: so many a row of its answer. */
  readonly unit: number;
}

export const KNOWN_BYTES = 20;

/**
 * For each step the first number that it may leave out and the first after, in its units and in
 * rows, and how many rows before a row is one like it. content: rows of the picture; side: of the
 * square that it lies in.
 */
export function repeated(parts: readonly Part[], content: number, side: number): number[][] {
  let [first, end, period] = [content, side, 1]; // rows that are as those `period` before them
  return parts.map(({ reach, unit }) => {
    if (reach.kind === "near") {
      first = Math.ceil((first + 1) / reach.stride);
      end = Math.floor((end - 2) / reach.stride) + 1;
    } else if (reach.kind === "window") {
      first = Math.ceil(first / reach.side) * reach.side;
      end = Math.floor(end / reach.side) * reach.side;
      period = common(period, reach.side);
    }
    const copied = first + period;
    if (copied >= end) return [0, 0, 0, 0, 1];
    return [copied * unit, end * unit, copied, end, period];
  });
}

/** The least common multiple. */
function common(a: number, b: number): number {
  let multiple = a;
  while (multiple % b) multiple += a;
  return multiple;
}
