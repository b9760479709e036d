// A safetensors file: a header in JSON, then the numbers.

import { ModelError } from "../errors";
import { fromHalf } from "../half";

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

export class Tensors {
  private constructor(
    private readonly bytes: Uint8Array<ArrayBuffer>,
    private readonly start: number,
    private readonly entries: Readonly<Record<string, Entry>>,
    /** What its maker said of it. */
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** Throws ModelError. */
  static read(bytes: Uint8Array<ArrayBuffer>): Tensors {
    try {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const length = Number(view.getBigUint64(0, true));
      const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
      const { __metadata__: metadata = {}, ...entries } = header;
      return new Tensors(bytes, 8 + length, entries, metadata);
    } catch (error) {
      throw new ModelError(`the kernels' weights are damaged: ${(error as Error).message}`);
    }
  }

  /** A tensor's numbers, whatever their size in the file. Throws ModelError if there is none. */
  numbers(name: string): Float32Array<ArrayBuffer> {
    const entry = this.entries[name];
    if (!entry) throw new ModelError(`the kernels' weights lack ${name}`);
    const [from, to] = entry.data_offsets;
    const bytes = this.bytes.slice(this.start + from, this.start + to);
    if (entry.dtype === "F16") return fromHalf(new Uint16Array(bytes.buffer));
    if (entry.dtype === "F32") return new Float32Array(bytes.buffer);
    throw new ModelError(`the kernels' weights have the unknown numbers ${entry.dtype}`);
  }
}
