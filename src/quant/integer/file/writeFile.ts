import { ArgumentError } from "../../../errors.ts";
import type { Graph } from "../../../graph/index.ts";
import { roundHalfEven, type Tensor } from "../../../tensor/index.ts";
import type { Plan, SitePlan } from "../../plan.ts";
import { encodeLevels } from "../../quantizer/levels.ts";
import { packBits } from "../bits.ts";
import { centredCodes } from "../integerLayer.ts";
import { BlobWriter, writeContainer } from "./container.ts";
import { encodeNumbers, type Header, type StoredParameter, type StoredSite } from "./header.ts";

/** A quantized model as one file holds it. */
export interface QuantizedModel {
  /** The float graph. */
  readonly graph: Graph;
  /** Grids of its quantized tensors. */
  readonly plan: Plan;
  /** The detector card as JSON, where the model is a detector. */
  readonly card?: unknown;
  /** How the model came to be. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Lowest code of a number format, also where the mapping never uses it. */
export const lowestCode = (bits: number, signed: boolean): number => (signed ? -(2 ** (bits - 1)) : 0);

/**
 * Writes a quantized model as one compact file: weights of quantized layers as codes of their true width, tables of
 * levels and everything else as it is. Equal models give equal bytes; `readIntegerFile` gives a model back that computes the same.
 *
 * Errors: ArgumentError where an attribute or a corrected bias does not fit the file.
 */
export function writeIntegerFile({ graph, plan, card = null, metadata = {} }: QuantizedModel): Uint8Array {
  const blobs = new BlobWriter();
  const coded = codedWeights(graph, plan);
  const biases = ownedBiases(graph, plan);
  const parameters = [...graph.parameters].map(([name, value]): StoredParameter => {
    const site = coded.has(name) ? plan.weights.get(name) : undefined;
    return storedParameter(name, site ? (plan.tuned.get(name) ?? value) : (biases.get(name) ?? value), site, blobs);
  });
  const tuned = [...plan.tuned]
    .filter(([name]) => !coded.has(name) && graph.parameters.has(name))
    .map(([name, value]) => storedParameter(name, value, fits(plan.weights.get(name)) ? plan.weights.get(name) : undefined, blobs));
  const sites = (list: ReadonlyMap<string, SitePlan>): [string, StoredSite][] =>
    [...list].map(([name, site]) => [name, storedSite(site, blobs)]);
  const owned = new Set(graph.layers.filter((l) => l.bias !== undefined && biases.has(l.bias)).map((l) => l.name));
  const header: Header = {
    kind: "inlierq/integer",
    graph: {
      name: graph.name,
      inputs: graph.inputs.map(({ name, shape, dtype }) => ({ name, shape: [...shape], dtype })),
      outputs: graph.outputs.map(({ name, shape, dtype }) => ({ name, shape: [...shape], dtype })),
      nodes: graph.nodes.map(({ name, op, attrs, inputs, outputs }) => {
        requirePlain(name, attrs);
        return { name, op: op.name, attrs, inputs: [...inputs], outputs: [...outputs] };
      }),
    },
    parameters,
    plan: {
      layers: [...plan.layers],
      activations: sites(plan.activations),
      weights: sites(plan.weights),
      biases: [...plan.biases]
        .filter(([layer]) => !owned.has(layer))
        .map(([layer, { shape, data }]) => [layer, { shape: [...shape], data: blobs.add(data) }]),
      ...(tuned.length > 0 && { tuned }),
    },
    card,
    metadata: { ...metadata },
  };
  return writeContainer(JSON.stringify(header, encodeNumbers), blobs.body());
}

/** A tensor as it is, or the codes it has on the grid of a site. */
function storedParameter(name: string, value: Tensor, site: SitePlan | undefined, blobs: BlobWriter): StoredParameter {
  const { shape, dtype, data } = value;
  if (!site) return { name, shape: [...shape], dtype, data: blobs.add(data) };
  return { name, shape: [...shape], codes: blobs.add(packWeight(value, site)) };
}

/** Names of the weights that nobody but quantized layers reads, so that their codes are all that is needed. */
function codedWeights(graph: Graph, plan: Plan): Set<string> {
  const coded = new Set(graph.layers.filter((l) => plan.layers.has(l.name) && fits(plan.weights.get(l.weight))).map((l) => l.weight));
  for (const node of graph.nodes) {
    const layer = plan.layers.has(node.name) ? graph.layerOf(node) : undefined;
    node.inputs.forEach((name, i) => {
      if (!(layer && i === 1)) coded.delete(name);
    });
  }
  return coded;
}

const fits = (site: SitePlan | undefined): boolean => site !== undefined && site.scheme.bits <= 8;

/** Corrected biases by the name of the parameter they replace, where their layer alone reads it. */
function ownedBiases(graph: Graph, plan: Plan): Map<string, Tensor> {
  const readers = (name: string): number => graph.nodes.reduce((n, node) => n + node.inputs.filter((input) => input === name).length, 0);
  const owned = new Map<string, Tensor>();
  for (const { name, bias } of graph.layers) {
    const corrected = plan.biases.get(name);
    if (bias !== undefined && corrected && readers(bias) === 1) owned.set(bias, corrected);
  }
  return owned;
}

function packWeight(weight: Tensor, site: SitePlan): Uint8Array {
  const { scheme, params, levels } = site;
  const lowest = lowestCode(scheme.bits, scheme.signed);
  if (levels) return packBits(encodeLevels("writeIntegerFile", weight, { scale: params.scale, levels }, scheme).data, scheme.bits, lowest);
  const inner = scheme.axis === null ? weight.size : weight.shape.slice(scheme.axis + 1).reduce((a, d) => a * d, 1);
  const zeros = params.zeroPoint.data;
  const codes = centredCodes(weight, site).map((code, i) => code + roundHalfEven(zeros[Math.floor(i / inner) % zeros.length]));
  return packBits(codes, scheme.bits, lowest);
}

function storedSite({ scheme, params, levels }: SitePlan, blobs: BlobWriter): StoredSite {
  const { bits, mapping, signed, axis, qmin, qmax } = scheme;
  const scale = blobs.add(Float32Array.from(params.scale.data));
  const zeroPoint = blobs.add(Int32Array.from(params.zeroPoint.data, roundHalfEven));
  const table = levels && { levels: { shape: [...levels.shape], data: blobs.add(Float32Array.from(levels.data)) } };
  return { bits, mapping, signed, axis, qmin, qmax, scale, zeroPoint, ...table };
}

/** Attributes must come back as they were. */
function requirePlain(node: string, attrs: unknown): void {
  const plain = (value: unknown): boolean => {
    if (value === null || ["number", "string", "boolean", "undefined"].includes(typeof value)) return true;
    if (Array.isArray(value)) return value.every(plain);
    return typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(plain);
  };
  if (!plain(attrs)) throw new ArgumentError("writeIntegerFile", `attributes must be plain values, got others (node "${node}")`);
}
