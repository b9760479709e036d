// float16, in which embeddings travel, to float32. Float16Array is too young to count on.

const EXPONENT_BIAS = 2 ** 112; // float32 counts exponents from 127, float16 from 15
const INFINITE = 0x7c00; // the exponent of infinities and NaN

/** float16 bit patterns to the numbers they stand for. */
export function fromHalf(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(halves.length);
  const bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
    // The multiplication is exact, and moves subnormal numbers to where float32 has normal ones.
    if ((half & INFINITE) === INFINITE) bits[i] |= 0x7f800000;
    else numbers[i] *= EXPONENT_BIAS;
  }
  return numbers;
}
