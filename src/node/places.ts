/** Stretches of a file that grows: freed ones are used again, neighbours as one. */
export class Places {
  /** Free stretches, in order, no two side by side. */
  #gaps: { readonly start: number; readonly end: number }[] = [];
  #end = 0;

  /** Bytes up to the last place ever taken. */
  get end(): number {
    return this.#end;
  }

  /** The first free place of `length` bytes. */
  take(length: number): number {
    const at = this.#gaps.findIndex(({ start, end }) => end - start >= length);
    if (at < 0) {
      const last = this.#gaps.at(-1);
      const start = last?.end === this.#end ? last.start : this.#end;
      if (start < this.#end) this.#gaps.pop();
      this.#end = start + length;
      return start;
    }
    const { start, end } = this.#gaps[at];
    this.#gaps.splice(at, 1, ...(end - start > length ? [{ start: start + length, end }] : []));
    return start;
  }

  /** Gives a place back. */
  free(start: number, length: number): void {
    if (length === 0) return;
    const found = this.#gaps.findIndex((gap) => gap.start > start);
    const at = found < 0 ? this.#gaps.length : found;
    const [before, after] = [this.#gaps[at - 1], this.#gaps[at]];
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === start + length;
    const whole = { start: joinsBefore ? before.start : start, end: joinsAfter ? after.end : start + length };
    this.#gaps.splice(joinsBefore ? at - 1 : at, (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), whole);
  }
}
