/** 1.5 · 2^52: adding and subtracting it rounds a double below 2^51 to the nearest integer, ties to even. */
const MAGIC = 6755399441055744;

/** Nearest integer, ties to even; never -0. */
export function roundHalfEven(x: number): number {
  return Math.abs(x) < 2251799813685248 ? x + MAGIC - MAGIC : x;
}
