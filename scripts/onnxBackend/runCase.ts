import { InlierqError } from "../../src/errors.ts";
import { type Graph, runNode } from "../../src/graph/index.ts";
import { importOnnx, parseTensor, type StoredTensor } from "../../src/onnx/index.ts";
import { decodeModel } from "../../src/onnx/protobuf.ts";
import { allocate, formatShape, sameShape, Tensor } from "../../src/tensor/index.ts";
import { type BackendCase, readCase } from "./suite.ts";

/** Which inputs were given while importing, because our graphs are static: shapes, axes and bounds for the most part. */
export type Fixed = "none" | "all but the first" | "all";

/** What became of a case. */
export interface Outcome {
  readonly case: string;
  readonly tier: BackendCase["tier"];
  readonly status: "passed" | "failed" | "unsupported";
  readonly fixed: Fixed;
  /** Why it did not pass. */
  readonly reason?: string;
}

/** The tolerance of the ONNX backend runner. */
const RTOL = 1e-3;
const ATOL = 1e-7;

/** A file's tensor in our element types; undefined where a value does not fit. */
function tensorOf({ shape, dtype, values }: StoredTensor): Tensor | undefined {
  const data = allocate(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    data[i] = value;
    if (dtype === "i32" && data[i] !== value) return undefined;
  }
  return new Tensor(shape, dtype, data);
}

const within = (ours: number, theirs: number): boolean =>
  Object.is(ours, theirs) || ours === theirs || Math.abs(ours - theirs) <= ATOL + RTOL * Math.abs(theirs);

/** What is wrong with an output; undefined where nothing is. */
function complaint(name: string, ours: Tensor, theirs: StoredTensor): string | undefined {
  if (ours.dtype !== theirs.dtype) return `output ${name} must be ${theirs.dtype}, got ${ours.dtype}`;
  if (!sameShape(ours.shape, theirs.shape))
    return `output ${name} must have shape ${formatShape(theirs.shape)}, got ${formatShape(ours.shape)}`;
  const exact = ours.dtype !== "f32" && ours.dtype !== "f64";
  for (let i = 0; i < ours.size; i++) {
    const [a, b] = [ours.data[i], Number(theirs.values[i])];
    if (exact ? a !== b : !within(a, b)) return `output ${name} must be ${b} at element ${i}, got ${a}`;
  }
  return undefined;
}

/** Every node in order, on any number of inputs. */
function run(graph: Graph, inputs: ReadonlyMap<string, Tensor>): Readonly<Record<string, Tensor>> {
  const env = new Map(graph.inputs.map(({ name }) => [name, inputs.get(name) as Tensor]));
  for (const node of graph.nodes) runNode(graph, node, env);
  return graph.finish(env);
}

interface Imported {
  readonly graph: Graph;
  readonly fixed: Fixed;
}

/** The graph with as few inputs fixed as the importer allows, or its last refusal. */
function importWith(bytes: Uint8Array, name: string, inputs: ReadonlyMap<string, Tensor>): Imported | InlierqError {
  const attempts: [Fixed, ReadonlyMap<string, Tensor>][] = [
    ["none", new Map()],
    ["all but the first", new Map([...inputs].slice(1))],
    ["all", inputs],
  ];
  let refusal: InlierqError | undefined;
  for (const [fixed, constants] of attempts) {
    try {
      return { graph: importOnnx(bytes, { name, constants }), fixed };
    } catch (cause) {
      if (!(cause instanceof InlierqError)) throw cause;
      refusal ??= cause;
    }
  }
  return refusal as InlierqError;
}

function judge(root: string, name: string): Pick<Outcome, "status" | "fixed" | "reason"> {
  const files = readCase(root, name);
  const model = decodeModel(files.model, name).graph;
  const initialized = new Set(model?.initializer.map((t) => t.name));
  const names = (model?.input ?? []).map((info) => info.name).filter((input) => !initialized.has(input));
  const tensors = model?.input.every((info) => info.type?.value.case === "tensorType") ? files.inputs : [];
  const inputs = new Map<string, Tensor>();
  for (const [i, bytes] of tensors.entries()) {
    const refused = parsed(bytes, `${name}: input ${i}`);
    if (typeof refused === "string") return { status: "unsupported", fixed: "none", reason: refused };
    const value = tensorOf(refused);
    if (!value) return { status: "unsupported", fixed: "none", reason: `${name}: input ${i} must hold values that i32 holds` };
    inputs.set(names[i], value);
  }
  const imported = importWith(files.model, name, inputs);
  if (imported instanceof InlierqError) return { status: "unsupported", fixed: "none", reason: imported.message };
  const { graph, fixed } = imported;
  const outputs = run(graph, inputs);
  const wrong = files.outputs.flatMap(
    (bytes, i) => complaint(graph.outputs[i].name, outputs[graph.outputs[i].name], parseTensor(bytes, name)) ?? [],
  );
  return wrong.length > 0 ? { status: "failed", fixed, reason: `${name}: ${wrong.join("; ")}` } : { status: "passed", fixed };
}

/** A tensor of the case, or why its element type is not one of ours. */
function parsed(bytes: Uint8Array, where: string): StoredTensor | string {
  try {
    return parseTensor(bytes, where);
  } catch (cause) {
    if (!(cause instanceof InlierqError)) throw cause;
    return cause.message;
  }
}

/**
 * Imports a case, runs it on its inputs and compares its outputs: floats within the tolerance, whole numbers and truth values
 * exactly, NaN with NaN. Unsupported is only what the importer refuses; whatever else goes wrong is a failure.
 */
export function runCase(root: string, { case: name, tier }: BackendCase): Outcome {
  try {
    return { case: name, tier, ...judge(root, name) };
  } catch (cause) {
    return {
      case: name,
      tier,
      status: "failed",
      fixed: "none",
      reason: `${name}: ${cause instanceof Error ? cause.message : String(cause)}`,
    };
  }
}
