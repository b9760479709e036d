// A file's tensors in a crew's memory.

import type { Rooms } from "./rooms";
import type { Tensors } from "./tensors";

/** Numbers that lie in memory before anything runs, and where. */
export type Placed = readonly (readonly [address: number, numbers: Float32Array])[];

/** Gives tensors their addresses, each once. */
export class Weights {
  private readonly list: (readonly [address: number, numbers: Float32Array])[] = [];
  private readonly addresses = new Map<string, number>();

  constructor(
    readonly tensors: Tensors,
    private readonly rooms: Rooms,
  ) {}

  get placed(): Placed {
    return this.list;
  }

  /** Throws ModelError. */
  at(name: string): number {
    const known = this.addresses.get(name);
    if (known !== undefined) return known;
    const address = this.keep(this.tensors.numbers(name));
    this.addresses.set(name, address);
    return address;
  }

  /** An address for numbers that are made of a file's. */
  keep(numbers: Float32Array): number {
    const address = this.rooms.room(numbers.length);
    this.list.push([address, numbers]);
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
