import { ShapeError, StateError } from "../errors.ts";
import { add, formatShape, listen, type OpEvent, ones, sameShape, type Tensor } from "../tensor/index.ts";

/**
 * Everything computed inside `record`, in execution order. A tape can differentiate with respect to
 * any tensor it saw, leaf or intermediate.
 */
export class Tape {
  /** The op calls, in the order they were made. */
  readonly entries: readonly OpEvent[];

  /** A tape of calls made elsewhere; `record` makes one of its own. */
  constructor(entries: readonly OpEvent[]) {
    this.entries = entries;
  }

  /**
   * Cotangents of `wrt` for a root on this tape: one backward pass for all of them, linear in the number of entries.
   * Entries that no `wrt` influences are not visited, and a cotangent is dropped as soon as it has been pulled back. A
   * tensor in `wrt` that does not influence the root gets undefined. `seed` defaults to ones.
   *
   * Errors: StateError when a `wrt` was never recorded, or the root neither came from a step of this tape nor is itself
   * wanted; ShapeError when the seed does not fit the root.
   *
   * Shapes: root and seed [], or another shape they share; every cotangent has the shape of its tensor.
   */
  vjp(root: Tensor, wrt: readonly Tensor[], seed: Tensor = ones(root.shape, root.dtype)): (Tensor | undefined)[] {
    if (!sameShape(seed.shape, root.shape)) {
      throw new ShapeError("tape.vjp", `seed must have the root's shape ${formatShape(root.shape)}, got ${formatShape(seed.shape)}`);
    }
    this.#requireRecorded(root, wrt);
    const wanted = new Set(wrt);
    const { influenced, first } = this.#influencedBy(wanted);
    const cotangents = new Map<Tensor, Tensor>([[root, seed]]);
    for (let i = this.entries.length - 1; i >= first; i--) {
      const { def, inputs, attrs, outputs } = this.entries[i];
      if (!outputs.some((y) => cotangents.has(y))) continue;
      const upstream = outputs.map((y) => cotangents.get(y));
      for (const y of outputs) if (!wanted.has(y)) cotangents.delete(y);
      const wants = inputs.map((x) => influenced.has(x));
      if (def.vjp === "none" || !wants.includes(true)) continue;
      const downstream = def.vjp(upstream, { inputs, attrs, outputs, wants });
      inputs.forEach((x, k) => {
        const g = downstream[k];
        if (!g || !wants[k]) return;
        const sum = cotangents.get(x);
        cotangents.set(x, sum ? add(sum, g) : g);
      });
    }
    return wrt.map((x) => cotangents.get(x));
  }

  /** Whether a step of this tape computed `x`. Any shape. */
  made(x: Tensor): boolean {
    return this.entries.some(({ outputs }) => outputs.includes(x));
  }

  /** Tensors whose value follows `wanted` through operations with a derivative, and the first entry that reads one. */
  #influencedBy(wanted: ReadonlySet<Tensor>): { influenced: Set<Tensor>; first: number } {
    const influenced = new Set(wanted);
    let first = this.entries.length;
    this.entries.forEach(({ def, inputs, outputs }, i) => {
      if (def.vjp === "none" || !inputs.some((x) => influenced.has(x))) return;
      first = Math.min(first, i);
      for (const y of outputs) influenced.add(y);
    });
    return { influenced, first };
  }

  #requireRecorded(root: Tensor, wrt: readonly Tensor[]): void {
    if (wrt.length === 0) return;
    if (!wrt.includes(root) && !this.made(root)) {
      throw new StateError(
        "tape.vjp",
        `root must come from a step of this tape or be in wrt, got a tensor no step made (${root.dtype}${formatShape(root.shape)}; was it computed outside record()?)`,
      );
    }
    const seen = new Set<Tensor>([root]);
    for (const { inputs, outputs } of this.entries) {
      for (const x of inputs) seen.add(x);
      for (const y of outputs) seen.add(y);
    }
    wrt.forEach((x, i) => {
      if (seen.has(x)) return;
      throw new StateError(
        "tape.vjp",
        `wrt[${i}] must be recorded on this tape, got a tensor it never saw (${x.dtype}${formatShape(x.shape)}; was it created before record() and never used?)`,
      );
    });
  }

  /** A table of the steps: number, op, input and output shapes, what ran it. */
  toString(): string {
    const meta = (t: Tensor) => `${t.dtype}${formatShape(t.shape)}`;
    return this.entries
      .map(
        (e, i) =>
          `${String(i).padStart(4)} ${e.def.name.padEnd(16)} ${e.inputs.map(meta).join(" ")} → ${e.outputs.map(meta).join(" ")} ${e.ranBy}`,
      )
      .join("\n");
  }
}

/** Runs a synchronous function and keeps the list of op calls it made. Errors: StateError where the function returns a promise. */
export function record<T>(f: () => T): { value: T; tape: Tape } {
  const entries: OpEvent[] = [];
  const value = listen((event) => entries.push(event), f);
  if (value instanceof Promise) throw new StateError("record", "the function must be synchronous, got a promise");
  return { value, tape: new Tape(entries) };
}
