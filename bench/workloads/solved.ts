import { VARIANTS, type Variant } from "../ours/variants.ts";
import { type Expected, verify } from "../ours/verify.ts";
import { type Inputs, PROBLEMS, type Problem } from "../problems.ts";
import { NOT_OFFERED, type Solution, type Solver } from "../solver.ts";
import type { Prepared, Workload } from "./workload.ts";

/** The solution of a problem by a solver, or why there is none. */
export async function solve(solver: Solver, { spec }: Problem, inputs: Inputs): Promise<Solution | string> {
  return (await solver[spec.kind]?.(spec as never, inputs)) ?? NOT_OFFERED;
}

const nameOf = (problem: Problem, { name }: Variant): string => (name === "" ? problem.id : `${problem.id}, ${name}`);

/** Inputs of a problem, made once for all variants. */
const shared = new WeakMap<Problem, Inputs>();
function inputsOf(problem: Problem): Inputs {
  const inputs = shared.get(problem) ?? problem.inputs();
  shared.set(problem, inputs);
  return inputs;
}

/** The variants that solve a problem here, the one that others are held to first. */
export const variantsFor = ({ spec }: Problem): readonly Variant[] =>
  VARIANTS.filter((v) => v.solver[spec.kind] !== undefined && (v.available?.() ?? true));

/** A solution of ours and how it is verified. */
export async function prepareOurs(problem: Problem, variant: Variant, inputs = inputsOf(problem)): Promise<(Prepared & Solution) | string> {
  const solved = await solve(variant.solver, problem, inputs);
  if (typeof solved === "string") return solved;
  const name = nameOf(problem, variant);
  return {
    ...solved,
    elements: problem.elements,
    verify: async () => verify(name, problem, inputs, solved, await firstOutputs(problem, variant, inputs)),
  };
}

async function firstOutputs(problem: Problem, variant: Variant, inputs: Inputs): Promise<Expected | undefined> {
  const [first] = variantsFor(problem);
  if (!first || first === variant) return undefined;
  const solved = await solve(first.solver, problem, inputs);
  if (typeof solved === "string") return undefined;
  return { outputs: await solved.outputs(), tolerance: variant.exact ? 0 : problem.tolerance };
}

/** Every problem by every variant of our engine. */
export const solvedRows = (): Workload[] =>
  PROBLEMS.flatMap((problem) =>
    variantsFor(problem).map((variant) => ({
      ...{ name: nameOf(problem, variant), flops: problem.flops },
      peak: problem.flops > 0 ? variant.peak : undefined,
      prepare: () => prepareOurs(problem, variant),
    })),
  );
