// Colours of masks: told apart by people who see colours in another way, too.

import type { BoxXyxy } from "../../segmenter";

/**
 * After Okabe & Ito (2008), without black and with deeper ones first: they stay apart with
 * protanopia, deuteranopia and tritanopia (palette.test.ts measures it).
 */
export const PALETTE = [
  "#0072b2", // blue
  "#e69f00", // orange
  "#009e73", // green
  "#cc79a7", // pink
  "#f0e442", // yellow
  "#d55e00", // vermilion
  "#56b4e9", // sky
] as const;

const NEAR = 0.5; // of its own size around a mask: what lies there is its neighbour

interface Coloured {
  readonly colour: string;
  readonly box: BoxXyxy;
}

/** Gives each mask a colour that its neighbours do not have, if any is left, and remembers it. */
export class ColourBook {
  private readonly coloured = new Map<string, Coloured>();

  colourOf(id: string, box: BoxXyxy): string {
    const known = this.coloured.get(id);
    const colour = known?.colour ?? this.rarestNear(box);
    this.coloured.set(id, { colour, box });
    return colour;
  }

  /** Of a mask that is gone. */
  forget(id: string): void {
    this.coloured.delete(id);
  }

  private rarestNear(box: BoxXyxy): string {
    const near = new Array<number>(PALETTE.length).fill(0);
    const all = new Array<number>(PALETTE.length).fill(0);
    const around = widened(box);
    for (const other of this.coloured.values()) {
      const place = PALETTE.findIndex((colour) => colour === other.colour);
      all[place]++;
      if (overlap(around, other.box)) near[place]++;
    }
    let best = 0;
    for (let i = 1; i < PALETTE.length; i++) {
      if (near[i] < near[best] || (near[i] === near[best] && all[i] < all[best])) best = i;
    }
    return PALETTE[best];
  }
}

function widened([left, top, right, bottom]: BoxXyxy): BoxXyxy {
  const [x, y] = [NEAR * (right - left), NEAR * (bottom - top)];
  return [left - x, top - y, right + x, bottom + y];
}

export function overlap(a: BoxXyxy, b: BoxXyxy): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
