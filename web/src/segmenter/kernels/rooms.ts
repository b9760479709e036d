// Where numbers lie in a crew's memory, one after the other.

import type { Tensors } from "./tensors";

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

/** The tensors of a file at their addresses, each once. */
export class Weights {
  readonly placed: (readonly [address: number, numbers: Float32Array])[] = [];
  private readonly addresses = new Map<string, number>();

  constructor(
    private readonly tensors: Tensors,
    private readonly rooms: Rooms,
  ) {}

  /** Throws ModelError. */
  at(name: string): number {
    const known = this.addresses.get(name);
    if (known !== undefined) return known;
    const numbers = this.tensors.numbers(name);
    const address = this.rooms.room(numbers.length);
    this.placed.push([address, numbers]);
    this.addresses.set(name, address);
    return address;
  }

  /** Weight and bias of a layer. */
  layer(name: string): readonly [weight: number, bias: number] {
    return [this.at(`${name}.weight`), this.at(`${name}.bias`)];
  }

  /** Gain and shift of a norm. */
  norm(name: string): readonly [gain: number, shift: number] {
    return [this.at(`${name}.gain`), this.at(`${name}.shift`)];
  }
}
