import { type KernelPolicy, withKernels } from "../../src/tensor/index.ts";
import { hasRelaxedMadd } from "../../src/tensor/kernels/gemmTile.ts";
import type { PeakName } from "../peak.ts";
import type { Kind } from "../problems.ts";
import type { Solution, Solver } from "../solver.ts";
import { compiled } from "./compiled.ts";
import { eager } from "./eager.ts";
import { integer } from "./integer.ts";
import { integerModel, simulatedModel } from "./quantizedModel.ts";
import { onThreads } from "./threaded.ts";

/** One way our engine solves problems. */
export interface Variant {
  /** Follows the problem's name in a row; "" for the default. */
  readonly name: string;
  readonly solver: Solver;
  /** Threads it uses. */
  readonly threads: number;
  /** The limit its rate is held against; none where operations are not what it is bound by. */
  readonly peak?: PeakName;
  /** Whether its outputs have the very bits of the first variant's; else they lie within the tolerance of the problem. */
  readonly exact?: boolean;
  /** Whether the runtime can run it. Default: always. */
  available?(): boolean;
}

const only = (solver: Solver, kinds: readonly Kind[]): Solver => Object.fromEntries(kinds.map((kind) => [kind, solver[kind]])) as Solver;
const KINDS = (Object.keys(eager) as Kind[]).filter((kind) => kind !== "stackInt8");
/** What is measured on two threads too. */
const shared = only(compiled, ["matmul", "conv", "stack", "model"]);

/** Runs and answers under another kernel policy. */
const under =
  (policy: KernelPolicy) =>
  (solved: Solution): Solution => ({ run: () => withKernels(policy, solved.run), outputs: () => withKernels(policy, solved.outputs) });

const fuse = under("relaxed");
const relaxed: Solver = {
  matmul: async (spec, inputs) => fuse((await compiled.matmul!(spec, inputs)) as Solution),
  conv: async (spec, inputs) => fuse((await compiled.conv!(spec, inputs)) as Solution),
  convGrad: async (spec, inputs) => fuse((await compiled.convGrad!(spec, inputs)) as Solution),
};

/**
 * Every way our engine is measured. One more (another kernel policy, threads, a compiled replay, integer arithmetic) is one
 * more entry here: its rows appear in both benchmarks, held to the outputs of the first entry that solves the problem.
 */
export const VARIANTS: readonly Variant[] = [
  { name: "", solver: only(eager, KINDS), threads: 1, peak: "f32" },
  { name: "compiled", solver: compiled, threads: 1, peak: "f32", exact: true },
  { name: "relaxed", solver: relaxed, threads: 1, peak: "relaxed", available: hasRelaxedMadd },
  { name: "simulated", solver: { ...only(eager, ["stackInt8"]), ...simulatedModel }, threads: 1, peak: "f32" },
  { name: "integer", solver: { ...integer, ...integerModel }, threads: 1, peak: "i16" },
  { name: "2 threads", solver: onThreads(2, shared), threads: 2, exact: true },
  { name: "integer, 2 threads", solver: onThreads(2, { ...integer, ...integerModel }), threads: 2 },
];
