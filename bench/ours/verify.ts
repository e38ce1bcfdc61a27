import { listen, type OpEvent, type Tensor } from "../../src/tensor/index.ts";
import { kernels } from "../../src/tensor/kernels/index.ts";
import { absolute, expectWithin, reference } from "../../test/laws/bound.ts";
import type { Inputs, Problem, SpecOf } from "../problems.ts";
import { disagreement, type Outputs, type Solution, type Solver, sampleOf } from "../solver.ts";

/**
 * Holds every op call that a run makes to its kernel's stated bound of the reference loops; milliseconds that these took,
 * or undefined where no op was called. Throws where a call lies outside.
 */
export function verifyCalls(name: string, run: () => unknown): number | undefined {
  let referenceMs: number | undefined;
  listen(({ def, inputs, attrs, outputs, ranBy }: OpEvent) => {
    const start = performance.now();
    const want = reference(def, inputs, attrs);
    referenceMs = (referenceMs ?? 0) + performance.now() - start;
    const kernel = kernels[def.name];
    if (ranBy === "reference" || !kernel) return;
    try {
      expectWithin(outputs, want, kernel.bound(inputs, attrs), () => reference(def, inputs.map(absolute) as Tensor[], attrs));
    } catch (error) {
      throw new Error(`${name}: ${def.name} must keep its bound, got ${(error as Error).message}`);
    }
  }, run);
  return referenceMs;
}

/** Textbook EM of two normals from equal weights and unit variances, in double. */
function plainGmm({ iterations, means }: SpecOf<"gmm">, { x }: Inputs): Outputs {
  const scores = x!.data;
  const size = scores.length;
  let [w, m, v] = [[0.5, 0.5], [...means], [1, 1]];
  for (let t = 0; t < iterations; t++) {
    const height = w.map((weight, k) => weight / Math.sqrt(v[k]!));
    const [n, first, second] = [new Float64Array(2), new Float64Array(2), new Float64Array(2)];
    const p = new Float64Array(2);
    for (let i = 0; i < size; i++) {
      const score = scores[i]!;
      for (let k = 0; k < 2; k++) p[k] = height[k]! * Math.exp((-0.5 * (score - m[k]!) ** 2) / v[k]!);
      for (let k = 0; k < 2; k++) {
        const r = p[k]! / (p[0]! + p[1]!);
        n[k]! += r;
        first[k]! += r * score;
        second[k]! += r * score * score;
      }
    }
    w = [n[0]! / size, n[1]! / size];
    m = [first[0]! / n[0]!, first[1]! / n[1]!];
    v = [second[0]! / n[0]! - m[0]! ** 2, second[1]! / n[1]! - m[1]! ** 2];
  }
  return [w, m, v.map(Math.sqrt)];
}

/** Plain loops for the kinds that are no op calls. */
const plain: Solver = { gmm: (spec, inputs) => ({ run: () => plainGmm(spec, inputs), outputs: () => plainGmm(spec, inputs) }) };

/** The outputs that a variant is held to, and how far it may lie from them as a share of the mean magnitude. */
export interface Expected {
  readonly outputs: Outputs;
  readonly tolerance: number;
}

/**
 * Verifies a solution before it is timed: its op calls against the reference loops, and its outputs against plain loops or
 * `first`, those of the variant that was verified so. Milliseconds of the reference loops, where they ran.
 */
export async function verify(
  name: string,
  { spec, tolerance }: Problem,
  inputs: Inputs,
  solved: Solution,
  first?: Expected,
): Promise<number | undefined> {
  let referenceMs = verifyCalls(name, () => solved.run());
  let want = first?.outputs;
  const loops = plain[spec.kind]?.(spec as never, inputs);
  if (!want && loops) {
    const start = performance.now();
    want = await ((await loops) as Solution).outputs();
    referenceMs = performance.now() - start;
  }
  if (!want && referenceMs === undefined) throw new Error(`${name}: the output must be verified, got nothing to verify it by`);
  if (!want) return referenceMs;
  const gap = disagreement((await solved.outputs()).map(sampleOf), want.map(sampleOf), first?.tolerance ?? tolerance);
  if (gap !== undefined) throw new Error(`${name}: ${gap}`);
  return referenceMs;
}
