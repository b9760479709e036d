// Where numbers lie in a crew's memory, one after the other.

export const BYTES = 4; // a number
const LINE_BYTES = 64;

/** Hands out addresses; what lies before `end` is taken. */
export class Rooms {
  constructor(private at: number) {}

  get end(): number {
    return this.at;
  }

  room(count: number): number {
    const at = this.at;
    this.at += Math.ceil((count * BYTES) / LINE_BYTES) * LINE_BYTES;
    return at;
  }
}
