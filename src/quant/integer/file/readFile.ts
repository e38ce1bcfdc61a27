import { ArgumentError, InlierqError } from "../../../errors.ts";
import { Graph } from "../../../graph/index.ts";
import { shownValue } from "../../../shown.ts";
import * as ops from "../../../tensor/index.ts";
import { type AnyOp, allocate, type DType, formatShape, sizeOf, Tensor } from "../../../tensor/index.ts";
import type { Plan, SitePlan } from "../../plan.ts";
import { decodeLevels, requireLevels } from "../../quantizer/levels.ts";
import { unpackBits } from "../bits.ts";
import { type BlobPlace, readContainer } from "./container.ts";
import { decodeNumbers, type Header, headerSchema, type StoredParameter, type StoredSite } from "./header.ts";
import { lowestCode, type QuantizedModel } from "./writeFile.ts";

/** A model as a file gave it back: nothing is optional any more. */
export type ReadModel = Required<QuantizedModel>;

/** The ops a file may name: all there are. */
const OPS: ReadonlyMap<string, AnyOp> = new Map(
  Object.values(ops).flatMap((value): [string, AnyOp][] => {
    const def = typeof value === "function" && "def" in value ? (value.def as AnyOp) : undefined;
    return def ? [[def.name, def]] : [];
  }),
);

/** More elements than any tensor of a network has. */
const LARGEST_TENSOR = 2 ** 29;

/**
 * Reads what `writeIntegerFile` wrote. Weights come back as the values of their codes, so that the graph under the plan
 * is the simulation of the model, and `prepareInteger` finds the same codes again.
 *
 * Errors: ArgumentError in one line that names the file, for anything that is not such a file from beginning to end.
 */
export function readIntegerFile(bytes: Uint8Array, name = "file"): ReadModel {
  const { header: text, body } = readContainer(bytes, name);
  const where = "readIntegerFile";
  try {
    const header = parseHeader(text);
    const reader = new Reader(body);
    const weights = sitesOf(header.plan.weights, reader, header);
    const parameters = new Map(header.parameters.map((p) => [p.name, parameterOf(p, weights, reader)]));
    const graph = graphOf(header, parameters);
    const activations = sitesOf(header.plan.activations, reader, header);
    const biases = new Map(
      header.plan.biases.map(([layer, { shape, data }]) => [layer, reader.tensor(shape, "f32", data, `bias of "${layer}"`)]),
    );
    const tuned = new Map((header.plan.tuned ?? []).map((p) => [p.name, parameterOf(p, weights, reader)]));
    const plan: Plan = { layers: new Set(header.plan.layers), activations, weights, biases, tuned };
    requireFit(graph, plan);
    return { graph, plan, card: header.card, metadata: header.metadata };
  } catch (cause) {
    const problem =
      cause instanceof InlierqError
        ? cause.message.replace(/^readIntegerFile: /, "")
        : `the header must describe a model, got ${cause instanceof TypeError || cause instanceof RangeError ? "parts that do not fit together" : String(cause)}`;
    throw new ArgumentError(where, `${name} must be sound: ${problem}`);
  }
}

const fail = (problem: string): ArgumentError => new ArgumentError("readIntegerFile", problem);

function parseHeader(text: string): Header {
  let json: unknown;
  try {
    json = JSON.parse(text, decodeNumbers);
  } catch (error) {
    throw fail(`the header must be JSON, got ${(error as Error).message}`);
  }
  const parsed = headerSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw fail(`the header must fit its schema, got ${path.join(".") || "another value"} (${message})`);
}

/** Numbers from the body, checked against what is there before anything is allocated. */
class Reader {
  readonly #body: Uint8Array;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  bytes({ offset, bytes }: BlobPlace, wanted: number, what: string): Uint8Array {
    if (bytes !== wanted) throw fail(`${what} must take ${wanted} bytes, got ${bytes}`);
    if (offset + bytes > this.#body.length)
      throw fail(`${what} must lie within the ${this.#body.length} bytes of data, got ${offset} to ${offset + bytes}`);
    return this.#body.subarray(offset, offset + bytes);
  }

  tensor(shape: readonly number[], dtype: DType, place: BlobPlace, what: string): Tensor {
    const size = countOf(shape, what);
    const { get, width } = STORED[dtype];
    const bytes = this.bytes(place, size * width, what);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const data = allocate(dtype, size);
    for (let i = 0; i < size; i++) data[i] = get(view, i * width);
    if (dtype === "f32" && !data.every(Number.isFinite)) throw fail(`${what} must hold finite values, got others`);
    return new Tensor(shape, dtype, data);
  }
}

const STORED: Readonly<Record<DType, { width: number; get(view: DataView, at: number): number }>> = {
  f32: { width: 4, get: (view, at) => view.getFloat32(at, true) },
  f64: { width: 8, get: (view, at) => view.getFloat64(at, true) },
  i32: { width: 4, get: (view, at) => view.getInt32(at, true) },
  i8: { width: 1, get: (view, at) => view.getInt8(at) },
  u8: { width: 1, get: (view, at) => view.getUint8(at) },
};

function countOf(shape: readonly number[], what: string): number {
  const size = sizeOf(shape);
  if (!(size <= LARGEST_TENSOR)) throw fail(`${what} must have at most ${LARGEST_TENSOR} elements, got ${formatShape(shape)}`);
  return size;
}

function sitesOf(list: readonly (readonly [string, StoredSite])[], reader: Reader, header: Header): Map<string, SitePlan> {
  const known = new Set([
    ...header.graph.inputs.map((p) => p.name),
    ...header.graph.nodes.flatMap((n) => n.outputs),
    ...header.parameters.map((p) => p.name),
  ]);
  return new Map(
    list.map(([name, { scale: scalePlace, zeroPoint: zeroPlace, levels: table, ...scheme }]) => {
      const what = `the grid of "${name}"`;
      if (!known.has(name)) throw fail(`${what} must belong to a tensor of the graph, got none of that name`);
      const low = lowestCode(scheme.bits, scheme.signed);
      if (scheme.qmin >= scheme.qmax || scheme.qmin < low || scheme.qmax > low + 2 ** scheme.bits - 1) {
        throw fail(`${what} must have codes of ${scheme.bits} bits, got [${scheme.qmin}, ${scheme.qmax}]`);
      }
      const count = scalePlace.bytes / 4;
      if (!Number.isInteger(count) || count < 1) throw fail(`${what} must have scales of 4 bytes, got ${scalePlace.bytes} bytes`);
      const scale = reader.tensor([count], "f32", scalePlace, `${what}: scale`);
      const zeroPoint = reader.tensor([count], "i32", zeroPlace, `${what}: zero point`);
      const bad = scale.data.findIndex((s: number) => !(s >= 2 ** -126));
      if (bad >= 0) throw fail(`${what} must have positive normal scales, got ${scale.data[bad]}`);
      const away = zeroPoint.data.findIndex((z: number) => z !== 0 && (z < scheme.qmin || z > scheme.qmax));
      if (away >= 0) throw fail(`${what} must have zero points that are codes, got ${zeroPoint.data[away]}`);
      const params = { scale, zeroPoint: new Tensor([count], "f32", Float32Array.from(zeroPoint.data)) };
      if (!table) return [name, { scheme, params }];
      const levels = reader.tensor(table.shape, "f32", table.data, `${what}: levels`);
      requireLevels("readIntegerFile", { scale, levels }, scheme);
      return [name, { scheme, params, levels }];
    }),
  );
}

function parameterOf(stored: StoredParameter, weights: ReadonlyMap<string, SitePlan>, reader: Reader): Tensor {
  const what = `parameter "${stored.name}"`;
  if ("data" in stored) return reader.tensor(stored.shape, stored.dtype, stored.data, what);
  const site = weights.get(stored.name);
  if (!site) throw fail(`${what} must have a grid for its codes, got none`);
  const { scheme, params, levels } = site;
  if (scheme.bits > 8) throw fail(`${what} must have codes of at most 8 bits, got ${scheme.bits}`);
  const size = countOf(stored.shape, what);
  const channels = params.scale.size;
  if (channels > 1 && channels !== stored.shape[scheme.axis ?? 0])
    throw fail(`${what} must have one scale per channel, got ${channels} (${formatShape(stored.shape)})`);
  const packed = reader.bytes(stored.codes, Math.ceil((size * scheme.bits) / 8), what);
  const codes = unpackBits(packed, size, scheme.bits, lowestCode(scheme.bits, scheme.signed));
  if (levels) {
    const wide = new Tensor(stored.shape, "i32", Int32Array.from(codes));
    return decodeLevels("readIntegerFile", wide, { scale: params.scale, levels }, scheme);
  }
  const inner = channels === 1 ? 1 : stored.shape.slice((scheme.axis ?? 0) + 1).reduce((a, d) => a * d, 1);
  const real = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const c = channels === 1 ? 0 : Math.floor(i / inner) % channels;
    real[i] = (codes[i] - params.zeroPoint.data[c]) * params.scale.data[c];
  }
  return new Tensor(stored.shape, "f32", real);
}

function graphOf({ graph }: Header, parameters: ReadonlyMap<string, Tensor>): Graph {
  const nodes = graph.nodes.map(({ op, attrs, ...node }) => {
    const def = OPS.get(op);
    if (!def) throw fail(`node "${node.name}" must run a known op, got "${op}"`);
    requireWindows(node.name, attrs);
    return { ...node, attrs, op: def };
  });
  for (const { name, shape } of graph.inputs) countOf(shape.map(Math.abs), `input "${name}"`);
  const { name, inputs, outputs } = graph;
  const built = new Graph({ name, inputs, outputs, nodes, parameters });
  for (const [tensor, { shape }] of built.metas) countOf(shape, `tensor "${tensor}"`);
  for (const port of outputs) requireComputed(port, built);
  return built;
}

/** What a file says of an output must be what its nodes compute. */
function requireComputed({ name, shape, dtype }: Header["graph"]["outputs"][number], { metas }: Graph): void {
  const found = metas.get(name);
  const declared = `${dtype}${formatShape(shape.map((d) => (d === -1 ? 1 : d)))}`;
  const computed = found && `${found.dtype}${formatShape(found.shape)}`;
  if (declared !== computed) throw fail(`output "${name}" must be as it is computed, ${computed}, got ${declared}`);
}

/** Windows that ops take on trust, by attribute name: how many numbers, and the least of them. */
const WINDOWS: Readonly<Record<string, { readonly count: number; readonly least: number }>> = {
  kernel: { count: 2, least: 1 },
  stride: { count: 2, least: 1 },
  dilation: { count: 2, least: 1 },
  padding: { count: 4, least: 0 },
};

function requireWindows(node: string, attrs: unknown): void {
  if (typeof attrs !== "object" || attrs === null) throw fail(`node "${node}" must have an object of attributes, got ${String(attrs)}`);
  for (const [key, value] of Object.entries(attrs)) {
    const window = Object.hasOwn(WINDOWS, key) ? WINDOWS[key] : undefined;
    const list: unknown = key === "groups" ? [value] : value;
    const { count, least } = window ?? { count: 1, least: 1 };
    const sound = (v: unknown): boolean => Number.isInteger(v) && (v as number) >= least && (v as number) < 2 ** 15;
    if ((window || key === "groups") && !(Array.isArray(list) && list.length === count && list.every(sound))) {
      throw fail(`node "${node}" must have ${count} whole numbers >= ${least} as its ${key}, got ${shownValue(value)}`);
    }
  }
}

/** Layers and grids must belong to the graph, and have as many scales as channels. */
function requireFit(graph: Graph, plan: Plan): void {
  const layers = new Map(graph.layers.map((l) => [l.name, l]));
  for (const name of plan.layers) {
    if (!layers.has(name)) throw fail(`every quantized layer must be a layer of the graph, got "${name}"`);
  }
  for (const [tensor, { scheme, params, levels }] of [...plan.activations, ...plan.weights]) {
    const shape = graph.metas.get(tensor)?.shape ?? [];
    const channels = scheme.axis === null ? 1 : shape[scheme.axis];
    if (levels && plan.activations.has(tensor)) throw fail(`the grid of "${tensor}" must be uniform, for it is no weight, got levels`);
    if (params.scale.size !== channels || params.zeroPoint.size !== channels) {
      throw fail(`the grid of "${tensor}" must have ${channels} scale${channels === 1 ? "" : "s"}, got ${params.scale.size}`);
    }
  }
  for (const [name, { shape }] of plan.tuned) {
    const wanted = graph.parameters.get(name)?.shape;
    if (!wanted || formatShape(wanted) !== formatShape(shape))
      throw fail(`the learned weight "${name}" must replace a parameter of its shape, got ${formatShape(shape)}`);
  }
  for (const [name, { shape }] of plan.biases) {
    const bias = layers.get(name)?.bias;
    const wanted = bias === undefined ? undefined : graph.metas.get(bias)?.shape;
    if (!wanted || formatShape(wanted) !== formatShape(shape))
      throw fail(`the bias of "${name}" must replace one of its shape, got ${formatShape(shape)}`);
  }
}
