import { compile, record } from "../../src/autograd/index.ts";
import { StateError } from "../../src/errors.ts";
import { add, mul, ones, sameShape, sum, type Tensor, zeros } from "../../src/tensor/index.ts";
import { type Family, type LoadedCase, loadCase, type Precision, type RawCase, readFamily, type Tolerance, valuesOf } from "./case.ts";

export type { Family, LoadedCase, Manifest, Precision, RawCase, RawTensor } from "./case.ts";

/** What a claim computed; `grads` with undefined stand for zeros. */
export interface ClaimResult {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly grads?: Readonly<Record<string, Tensor | undefined>>;
  /** Expected values of outputs the manifest keeps outside `outputs`, compared with the case's tolerance. */
  readonly expected?: Readonly<Record<string, readonly number[]>>;
  /** Whether a compiled function computed it. */
  readonly replayed?: boolean;
}

/**
 * Answers a golden case with our own functions. It throws where a check of its own fails (a reader that
 * did not refuse a bad file); it returns "unclaimed" for a variant that nothing here answers.
 */
export type Claim = (c: LoadedCase) => ClaimResult | "unclaimed" | Promise<ClaimResult | "unclaimed">;
export type Claims = Readonly<Record<string, Claim>>;

/** A function of a case's inputs: one tensor is the output "y". */
export type Forward = (
  inputs: Readonly<Record<string, Tensor>>,
  attrs: LoadedCase["attrs"],
  c: LoadedCase,
) => Tensor | Record<string, Tensor>;

/** What a case asks of a function: its outputs, and the gradients of the inputs it has any of. */
interface Answer {
  readonly outputs: Record<string, Tensor>;
  readonly grads: Record<string, Tensor>;
}

/** Runs `f` on a tape and pulls the case's upstream back to every input with expected gradients. */
function answer(f: Forward, c: LoadedCase, inputs: LoadedCase["inputs"]): Answer {
  const { value, tape } = record(() => {
    const y = f(inputs, c.attrs, c);
    const outputs = "data" in y ? { y: y as Tensor } : (y as Record<string, Tensor>);
    return { outputs, root: weighted(outputs, c.upstream) };
  });
  const seen = new Set(tape.entries.flatMap((e) => e.inputs));
  const names = Object.keys(c.raw.grads ?? {}).filter((k) => seen.has(inputs[k]));
  const found = tape.vjp(
    value.root,
    names.map((k) => inputs[k]),
  );
  return { outputs: value.outputs, grads: Object.fromEntries(names.flatMap((k, i) => (found[i] ? [[k, found[i]]] : []))) };
}

/** The same, recorded and replayed; undefined for a function that looks at values. */
function replayedAnswer(f: Forward, c: LoadedCase): Answer | undefined {
  const names = Object.keys(c.inputs);
  const replay = compile((...xs) => ({ ...answer(f, c, Object.fromEntries(names.map((name, i) => [name, xs[i]]))) }));
  try {
    return replay(...Object.values(c.inputs));
  } catch (error) {
    if (error instanceof StateError && error.op === "compile") return undefined;
    throw error;
  }
}

/** A claim with gradients. With INLIERQ_COMPILED=1 it is answered by a replay wherever the function can be recorded. */
export function differentiable(f: Forward): Claim {
  return (c) => {
    const replayed = process.env.INLIERQ_COMPILED === "1" ? replayedAnswer(f, c) : undefined;
    const { outputs, grads } = replayed ?? answer(f, c, c.inputs);
    const wanted = Object.keys(c.raw.grads ?? {}).map((name) => [name, grads[name]]);
    return { outputs, grads: Object.fromEntries(wanted), replayed: replayed !== undefined };
  };
}

/** sum_o <upstream[o], outputs[o]>; without upstream the first output stands alone. */
function weighted(outputs: Record<string, Tensor>, upstream: LoadedCase["upstream"]): Tensor {
  const names = Object.keys(outputs);
  const weights = Object.keys(upstream).length > 0 ? upstream : { [names[0]]: ones(outputs[names[0]].shape, outputs[names[0]].dtype) };
  const terms = names.filter((k) => weights[k]).map((k) => sum(mul(outputs[k], weights[k])));
  return terms.reduce((a, b) => add(a, b));
}

/** One case's verdict; `detail` names the worst element of a failure. */
export interface CaseOutcome {
  readonly name: string;
  readonly op: string;
  readonly verdict: "passed" | "failed" | "unclaimed";
  readonly detail: string;
  /** Whether compiled functions computed it. */
  readonly replayed: boolean;
}

export interface FamilyReport {
  readonly family: string;
  readonly outcomes: readonly CaseOutcome[];
}

/** Compares values; the message describes the worst element, undefined means agreement. */
export function disagreement(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: Tolerance, exact = false): string | undefined {
  if (got.length !== want.length) return `has ${got.length} elements, expected ${want.length}`;
  if (tolerance.relL2 !== undefined && !exact) return normGap(got, want, tolerance.relL2);
  const { rtol = 0, atol = 0 } = exact ? {} : tolerance;
  let worst = -1;
  let excess = 0;
  let count = 0;
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
    const over = Math.abs(got[i] - want[i]) - (atol + rtol * Math.abs(want[i]));
    if (over <= 0) continue;
    count++;
    const measure = Number.isNaN(over) ? Infinity : over;
    if (worst < 0 || measure > excess) [worst, excess] = [i, measure];
  }
  return worst < 0
    ? undefined
    : `[${worst}] is ${got[worst]}, expected ${want[worst]} (${count} of ${want.length} elements outside rtol ${rtol}, atol ${atol})`;
}

function normGap(got: ArrayLike<number>, want: ArrayLike<number>, limit: number): string | undefined {
  let gap = 0;
  let norm = 0;
  for (let i = 0; i < want.length; i++) {
    gap += (got[i] - want[i]) ** 2;
    norm += want[i] ** 2;
  }
  const relative = norm === 0 ? Math.sqrt(gap) : Math.sqrt(gap / norm);
  return relative <= limit ? undefined : `lies ${relative} from the expected values in relative L2, allowed ${limit}`;
}

/** The first disagreement between a claim's result and the case. */
function compare(family: Family, raw: RawCase, result: ClaimResult, dtype: Precision): string | undefined {
  const tolerance = raw.tol?.[dtype] ?? family.manifest.defaultTol[dtype];
  for (const [k, want] of Object.entries(raw.outputs ?? {})) {
    const got = result.outputs[k];
    if (!got) return `output ${k} is missing`;
    if (!sameShape(got.shape, want.shape)) return `output ${k} has shape [${got.shape}], expected [${want.shape}]`;
    const integer = want.dtype !== "f64" && want.dtype !== "f32";
    const gap = disagreement(got.data, valuesOf(want, family.bytes), tolerance, integer);
    if (gap) return `output ${k}${gap.startsWith("[") ? "" : " "}${gap}`;
  }
  for (const [k, want] of Object.entries(raw.grads ?? {})) {
    if (!result.grads || !(k in result.grads)) return `gradient of ${k} is missing`;
    const got = result.grads[k] ?? zeros(want.shape, dtype);
    if (!sameShape(got.shape, want.shape)) return `gradient of ${k} has shape [${got.shape}], expected [${want.shape}]`;
    const gap = disagreement(got.data, valuesOf(want, family.bytes), tolerance);
    if (gap) return `gradient of ${k}${gap.startsWith("[") ? "" : " "}${gap}`;
  }
  for (const [k, want] of Object.entries(result.expected ?? {})) {
    if (!result.outputs[k]) return `output ${k} is missing`;
    const gap = disagreement(result.outputs[k].data, want, tolerance);
    if (gap) return `output ${k}${gap.startsWith("[") ? "" : " "}${gap}`;
  }
  return undefined;
}

/** Runs one case in f64 and, unless tagged f64-only, in f32. */
async function runCase(family: Family, raw: RawCase, claim: Claim | undefined): Promise<CaseOutcome> {
  let replayed = false;
  const outcome = (verdict: CaseOutcome["verdict"], detail = "") => ({ name: raw.name, op: raw.op, verdict, detail, replayed });
  if (!claim) return outcome("unclaimed");
  const precisions: readonly Precision[] = raw.tags?.includes("f64-only") ? ["f64"] : ["f64", "f32"];
  for (const dtype of precisions) {
    try {
      const result = await claim(loadCase(family, raw, dtype));
      if (result === "unclaimed") return outcome("unclaimed");
      replayed = result.replayed === true;
      const gap = compare(family, raw, result, dtype);
      if (gap) return outcome("failed", `${dtype}: ${gap}`);
    } catch (error) {
      return outcome("failed", `${dtype}: threw ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return outcome("passed");
}

/** Runs every case of a family folder, or returns undefined where the folder holds no family. */
export async function runFamily(folder: string, claims: (family: string) => Claims): Promise<FamilyReport | undefined> {
  const family = readFamily(folder);
  if (!family) return undefined;
  const byOp = claims(family.manifest.family);
  const outcomes: CaseOutcome[] = [];
  for (const raw of family.manifest.cases) {
    outcomes.push(await runCase(family, raw, Object.hasOwn(byOp, raw.op) ? byOp[raw.op] : undefined));
  }
  return { family: family.manifest.family, outcomes };
}

/** Names of cases with a verdict, grouped by op: "op (3)". */
export function opsWith(report: FamilyReport, verdict: CaseOutcome["verdict"]): string[] {
  const counts = new Map<string, number>();
  for (const o of report.outcomes) if (o.verdict === verdict) counts.set(o.op, (counts.get(o.op) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([op, n]) => `${op} (${n})`);
}

export const countOf = (report: FamilyReport, verdict: CaseOutcome["verdict"]): number =>
  report.outcomes.filter((o) => o.verdict === verdict).length;

/** The printed report of a family: counts, unclaimed ops, failures with their worst element. */
export function formatReport(report: FamilyReport): string {
  const lines = [
    `${report.family.padEnd(12)} ${countOf(report, "passed")} passed, ${countOf(report, "failed")} failed, ${countOf(report, "unclaimed")} unclaimed`,
  ];
  const unclaimed = opsWith(report, "unclaimed");
  if (unclaimed.length > 0) lines.push(`  unclaimed: ${unclaimed.join(", ")}`);
  for (const o of report.outcomes) if (o.verdict === "failed") lines.push(`  failed: ${o.op} / ${o.name}: ${o.detail}`);
  return lines.join("\n");
}
