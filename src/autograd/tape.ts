import { StateError } from "../errors.ts";
import { add, formatShape, listen, type OpEvent, ones, type Tensor } from "../tensor/index.ts";

/**
 * Everything computed inside `record`, in execution order. A tape can differentiate with respect to
 * any tensor it saw, leaf or intermediate.
 */
export class Tape {
  readonly entries: readonly OpEvent[];

  constructor(entries: readonly OpEvent[]) {
    this.entries = entries;
  }

  /**
   * Cotangents of `wrt` for a root on this tape: one backward pass for all of them. Entries that no
   * `wrt` influences are not visited. A tensor in `wrt` that does not influence the root gets
   * undefined. `seed` defaults to ones.
   *
   * Errors: StateError when a `wrt` was never recorded.
   */
  vjp(root: Tensor, wrt: readonly Tensor[], seed: Tensor = ones(root.shape, root.dtype)): (Tensor | undefined)[] {
    const wanted = new Set(wrt);
    const influenced = this.#influencedBy(wanted);
    this.#requireRecorded(wrt, root);
    const cotangents = new Map<Tensor, Tensor>([[root, seed]]);
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const { def, inputs, attrs, outputs } = this.entries[i]!;
      if (!outputs.some((y) => cotangents.has(y)) || !inputs.some((x) => influenced.has(x))) continue;
      if (def.vjp === "none") continue;
      const wants = inputs.map((x) => influenced.has(x));
      const upstream = outputs.map((y) => cotangents.get(y));
      for (const y of outputs) if (!wanted.has(y)) cotangents.delete(y);
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

  #influencedBy(wanted: ReadonlySet<Tensor>): Set<Tensor> {
    const influenced = new Set(wanted);
    for (const { inputs, outputs } of this.entries) {
      if (inputs.some((x) => influenced.has(x))) for (const y of outputs) influenced.add(y);
    }
    return influenced;
  }

  #requireRecorded(wrt: readonly Tensor[], root: Tensor): void {
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

/** Runs a synchronous function and keeps the list of op calls it made. */
export function record<T>(f: () => T): { value: T; tape: Tape } {
  const entries: OpEvent[] = [];
  const value = listen((event) => entries.push(event), f);
  if (value instanceof Promise) throw new StateError("record", "the function must be synchronous, got a promise");
  return { value, tape: new Tape(entries) };
}
