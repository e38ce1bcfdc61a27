import { InlierqError } from "../../src/errors.ts";
import { type Graph, runNode } from "../../src/graph/index.ts";
import { importOnnx, parseTensor, type StoredTensor } from "../../src/onnx/index.ts";
import { DataType, decodeModel, type GraphProto, type ValueInfoProto } from "../../src/onnx/protobuf.ts";
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

/** The tensors of a case by the names of the model's inputs, or why one is not a tensor of ours. */
function readInputs(name: string, model: GraphProto, files: readonly Uint8Array[]): ReadonlyMap<string, Tensor> | string {
  const initialized = new Set(model.initializer.map((t) => t.name));
  const infos = model.input.filter((info) => !initialized.has(info.name));
  const inputs = new Map<string, Tensor>();
  for (const [i, bytes] of files.entries()) {
    const where = `${name}: input ${i}`;
    // The importer refuses what is no tensor in its own words.
    if (infos[i].type?.value.case !== "tensorType") return new Map();
    const stored = readTensor(bytes, where, infos[i]);
    if (typeof stored === "string") return stored;
    const value = tensorOf(stored);
    if (!value) return `${where} must hold values that i32 holds`;
    inputs.set(infos[i].name, value);
  }
  return inputs;
}

/** A tensor of a case, or why its element type is not one of ours. The files hold bfloat16 as the 16 bits of each number. */
function readTensor(bytes: Uint8Array, where: string, info: ValueInfoProto | undefined): StoredTensor | string {
  try {
    const stored = parseTensor(bytes, where);
    const type = info?.type?.value;
    if (type?.case !== "tensorType" || type.value.elemType !== DataType.BFLOAT16 || stored.dtype !== "i32") return stored;
    const bits = Uint32Array.from(stored.values, (v) => Number(v) * 65536);
    return { shape: stored.shape, dtype: "f32", values: new Float32Array(bits.buffer) };
  } catch (cause) {
    if (!(cause instanceof InlierqError)) throw cause;
    return cause.message;
  }
}

function judge(root: string, name: string): Pick<Outcome, "status" | "fixed" | "reason"> {
  const files = readCase(root, name);
  const model = decodeModel(files.model, name).graph as GraphProto;
  const inputs = readInputs(name, model, files.inputs);
  if (typeof inputs === "string") return { status: "unsupported", fixed: "none", reason: inputs };
  const imported = importWith(files.model, name, inputs);
  if (imported instanceof InlierqError) return { status: "unsupported", fixed: "none", reason: imported.message };
  const { graph, fixed } = imported;
  const outputs = run(graph, inputs);
  const wrong = files.outputs.flatMap((bytes, i) => {
    const wanted = readTensor(bytes, name, model.output[i]);
    return typeof wanted === "string" ? wanted : (complaint(graph.outputs[i].name, outputs[graph.outputs[i].name], wanted) ?? []);
  });
  return wrong.length > 0 ? { status: "failed", fixed, reason: `${name}: ${wrong.join("; ")}` } : { status: "passed", fixed };
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
