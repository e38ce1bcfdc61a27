import { ArgumentError } from "../../errors.ts";
import type { Graph, Layer } from "../../graph/index.ts";
import { biasOf, type Plan, quantizeBias, type SitePlan, weightOf } from "../../quant/index.ts";
import {
  type AnyOp,
  clamp,
  expand,
  indexSelect,
  interpolate,
  maxPool2d,
  permute,
  relu,
  relu6,
  reshape,
  roundHalfEven,
  slice,
  type Tensor,
} from "../../tensor/index.ts";
import { int } from "./attribute.ts";
import { writeLevels } from "./levels.ts";
import { CODE_TYPES, type CodeType, type OnnxWriter } from "./writer.ts";

/** The grid of one tensor: f32 parameters of shape [1] or [C], and the codes in use. */
export interface Grid {
  readonly scale: Tensor;
  readonly zeroPoint: Tensor;
  readonly qmin: number;
  readonly qmax: number;
  readonly axis: number | null;
}

export const gridOf = ({ params, scheme }: SitePlan): Grid => ({ ...params, qmin: scheme.qmin, qmax: scheme.qmax, axis: scheme.axis });

const SMALLEST_NORMAL = 2 ** -126;

/** Refuses parameters that no runtime should meet: a scale must be a positive normal number, a zero point a code. */
export function requireSound(name: string, { scale, zeroPoint, qmin, qmax }: Grid): void {
  for (let c = 0; c < scale.size; c++) {
    const s = scale.data[c];
    if (!(s >= SMALLEST_NORMAL) || !Number.isFinite(s)) {
      throw new ArgumentError("exportOnnx", `every scale must be a positive normal number, got ${s} (tensor "${name}", entry ${c})`);
    }
  }
  for (let c = 0; c < zeroPoint.size; c++) {
    const z = roundHalfEven(zeroPoint.data[c]);
    if (!(z >= qmin && z <= qmax) && z !== 0) {
      throw new ArgumentError(
        "exportOnnx",
        `every zero point must be a code in [${qmin}, ${qmax}], got ${z} (tensor "${name}", entry ${c})`,
      );
    }
  }
}

/** Whether the codes fill one of ONNX's 4-bit types, which need opset 21. */
export const isNibble = ({ qmin, qmax }: Pick<Grid, "qmin" | "qmax">): boolean =>
  (qmin === 0 && qmax === 15) || (qmax === 7 && (qmin === -8 || qmin === -7));

/** Whether the codes need 16 bits, which also need opset 21. */
export const isWide = ({ qmin, qmax }: Pick<Grid, "qmin" | "qmax">): boolean => qmin < -128 || qmax > 255 || (qmin < 0 && qmax > 127);

/**
 * The smallest type that holds the codes. Computed tensors (`packed` false) never get 4-bit types: runtimes
 * fail on them (docs/decisions/002-qdq-export.md); 8 bits and a Clip give the same values.
 */
function typeOf(grid: Grid, packed: boolean): CodeType {
  const unsigned = grid.qmin >= 0;
  if (packed && isNibble(grid)) return unsigned ? CODE_TYPES.u4 : CODE_TYPES.i4;
  if (isWide(grid)) return unsigned ? CODE_TYPES.u16 : CODE_TYPES.i16;
  return unsigned ? CODE_TYPES.u8 : CODE_TYPES.i8;
}

/** Names of the scale and zero point initializers of a grid, and the attributes that go with them. */
function writeParameters(writer: OnnxWriter, label: string, grid: Grid, type: CodeType) {
  const shape = grid.axis === null ? [] : [grid.scale.size];
  const zeros = Array.from(grid.zeroPoint.data, roundHalfEven);
  return {
    scale: writer.floats(`${label}/scale`, grid.scale.data, shape),
    zeroPoint: writer.codes(`${label}/zero_point`, zeros, shape, type),
    attributes: grid.axis === null ? [] : [int("axis", grid.axis)],
  };
}

/**
 * Writes QuantizeLinear and DequantizeLinear of a computed tensor. Codes that do not fill their type are
 * kept in [qmin, qmax] by clipping the real values first: the real value of code q is (q - z) * s, and
 * dividing its f32 value by s again rounds to q - z. With `fence` an idle node keeps a
 * runtime from merging QuantizeLinear into the node before it.
 */
export function writeFakeQuant(writer: OnnxWriter, source: string, output: string, rank: number, grid: Grid, fence = false): void {
  requireSound(source, grid);
  const type = typeOf(grid, false);
  const fits = grid.qmin === type.qmin && grid.qmax === type.qmax;
  const { scale, zeroPoint, attributes } = writeParameters(writer, output, grid, type);
  const clipped = fits ? (fence ? writeFence(writer, source, output, rank, grid) : source) : writeClip(writer, source, output, rank, grid);
  const codes = writer.freshName(`${output}/codes`);
  writer.node(writer.freshNodeName(`${output}/QuantizeLinear`), "QuantizeLinear", [clipped, scale, zeroPoint], [codes], attributes);
  writer.node(writer.freshNodeName(`${output}/DequantizeLinear`), "DequantizeLinear", [codes, scale, zeroPoint], [output], attributes);
}

function writeClip(writer: OnnxWriter, source: string, output: string, rank: number, { scale, zeroPoint, qmin, qmax, axis }: Grid): string {
  const bound = (code: number): Float32Array => Float32Array.from(scale.data, (s, c) => (code - roundHalfEven(zeroPoint.data[c])) * s);
  const clipped = writer.freshName(`${output}/clipped`);
  const nodeName = (label: string): string => writer.freshNodeName(`${output}/${label}`);
  if (axis === null) {
    const [min, max] = [writer.floats(`${output}/min`, bound(qmin), []), writer.floats(`${output}/max`, bound(qmax), [])];
    writer.node(nodeName("Clip"), "Clip", [source, min, max], [clipped]);
    return clipped;
  }
  const shape = Array.from({ length: rank }, (_, i) => (i === axis ? scale.size : 1));
  const raised = writer.freshName(`${output}/raised`);
  writer.node(nodeName("Max"), "Max", [source, writer.floats(`${output}/min`, bound(qmin), shape)], [raised]);
  writer.node(nodeName("Min"), "Min", [raised, writer.floats(`${output}/max`, bound(qmax), shape)], [clipped]);
  return clipped;
}

/**
 * Cuts the real values where the codes end anyway, on one side and a little inside: the code there stays the same, and
 * the node does not look idle. A Clip will not do: onnxruntime removes it, or merges it in a way it then refuses.
 */
function writeFence(
  writer: OnnxWriter,
  source: string,
  output: string,
  rank: number,
  { scale, zeroPoint, qmin, qmax, axis }: Grid,
): string {
  const end = (code: number) => (s: number, c: number) => (code - roundHalfEven(zeroPoint.data[c])) * s * (1 - 2 ** -22);
  // A grid of its own per channel is cut above, also where it ends at 0: the channels must share one node.
  const above = axis !== null || qmax > roundHalfEven(zeroPoint.data[0]);
  const ends = Float32Array.from(scale.data, end(above ? qmax : qmin));
  const shape = axis === null ? [] : Array.from({ length: rank }, (_, i) => (i === axis ? scale.size : 1));
  const fenced = writer.freshName(`${output}/fenced`);
  const type = above ? "Min" : "Max";
  const bound = writer.floats(`${output}/end`, ends, shape);
  writer.node(writer.freshNodeName(`${output}/${type}`), type, [source, bound], [fenced]);
  return fenced;
}

/** Writes the integer codes of a constant and the DequantizeLinear that restores it as `output`. */
function writeConstant(writer: OnnxWriter, output: string, value: Tensor, grid: Grid): void {
  requireSound(output, grid);
  const type = typeOf(grid, true);
  const codes = writer.codes(`${output}/codes`, codesOf(value, grid), value.shape, type);
  const { scale, zeroPoint, attributes } = writeParameters(writer, output, grid, type);
  writer.node(writer.freshNodeName(`${output}/DequantizeLinear`), "DequantizeLinear", [codes, scale, zeroPoint], [output], attributes);
}

/** The codes fakeQuant gives, step by step in f32. */
function codesOf(value: Tensor, { scale, zeroPoint, qmin, qmax, axis }: Grid): Int32Array {
  const inner = axis === null ? 1 : value.shape.slice(axis + 1).reduce((a, d) => a * d, 1);
  return Int32Array.from(value.data, (x, i) => {
    const c = axis === null ? 0 : Math.floor(i / inner) % scale.size;
    const code = roundHalfEven(Math.fround(x / scale.data[c])) + roundHalfEven(zeroPoint.data[c]);
    return Math.min(Math.max(code, qmin), qmax);
  });
}

/** Clips and moves that onnxruntime carries a QuantizeLinear through. */
const MERGED: ReadonlySet<AnyOp> = new Set(
  [relu, relu6, clamp, maxPool2d, reshape, permute, slice, indexSelect, expand, interpolate].map((op): AnyOp => op.def),
);

/** Writes what quantized layers read: each quantized tensor once, shared by its readers. */
export class QuantizedInputs {
  readonly #graph: Graph;
  readonly #plan: Plan;
  readonly #writer: OnnxWriter;
  readonly #fusible: boolean;
  readonly #readers = new Map<string, number>();
  readonly #done = new Map<string, string>();

  constructor(graph: Graph, plan: Plan, writer: OnnxWriter, fusible: boolean) {
    this.#fusible = fusible;
    this.#graph = graph;
    this.#plan = plan;
    this.#writer = writer;
    for (const name of graph.nodes.flatMap((n) => n.inputs)) this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
  }

  /** Names of the tensors a quantized layer reads instead of its own. */
  of(layer: Layer): string[] {
    const activation = this.#plan.activations.get(layer.input);
    const weight = this.#plan.weights.get(layer.weight);
    const names = [activation ? this.#activation(layer.input, activation) : layer.input, this.#weight(layer, weight)];
    if (layer.bias !== undefined) names.push(this.#bias(layer, layer.bias, activation, weight));
    return names;
  }

  #activation(name: string, site: SitePlan): string {
    return this.#once(name, () => {
      const output = this.#writer.freshName(`${name}/dequantized`);
      // Onnxruntime would merge a quantizer of one scale a channel into the layer before it and then refuse to run it.
      const fence = (!this.#fusible || site.scheme.axis !== null) && this.#followsQuantized(name);
      writeFakeQuant(this.#writer, name, output, this.#graph.metas.get(name)?.shape.length ?? 0, gridOf(site), fence);
      return output;
    });
  }

  /** Whether a tensor is a quantized layer's output, seen through ops that runtimes merge into a quantized kernel. */
  #followsQuantized(name: string): boolean {
    const producer = this.#graph.nodes.find((n) => n.outputs.includes(name));
    if (!producer) return false;
    return this.#plan.layers.has(producer.name) || (MERGED.has(producer.op) && this.#followsQuantized(producer.inputs[0]));
  }

  #weight(layer: Layer, site: SitePlan | undefined): string {
    const value = weightOf(this.#graph, this.#plan, layer);
    if (!site) return this.#writer.tensor(layer.weight, value);
    return this.#once(layer.weight, () => {
      const output = this.#ownName(layer.weight);
      if (site.levels) {
        requireSound(output, gridOf(site));
        writeLevels(this.#writer, output, value, { ...site, levels: site.levels });
        return output;
      }
      writeConstant(this.#writer, output, value, gridOf(site));
      return output;
    });
  }

  /** The float name where the layer is the tensor's only reader, so that a viewer finds it. */
  #ownName(name: string): string {
    return this.#readers.get(name) === 1 ? name : this.#writer.freshName(`${name}/dequantized`);
  }

  /** Int32 codes behind a DequantizeLinear without zero point, or float where the codes would not fit. */
  #bias(layer: Layer, name: string, activation: SitePlan | undefined, weight: SitePlan | undefined): string {
    const value = biasOf(this.#graph, this.#plan, layer) as Tensor;
    const output = this.#ownName(name);
    const quantized = activation && weight && quantizeBias(value, layer, activation, weight);
    if (!quantized) return this.#writer.tensor(output, value);
    const codes = this.#writer.codes(`${output}/codes`, quantized.codes, value.shape, CODE_TYPES.i32);
    const scale = this.#writer.floats(`${output}/scale`, quantized.scale);
    this.#writer.node(
      this.#writer.freshNodeName(`${output}/DequantizeLinear`),
      "DequantizeLinear",
      [codes, scale],
      [output],
      [int("axis", 0)],
    );
    return output;
  }

  #once(name: string, write: () => string): string {
    const found = this.#done.get(name);
    if (found !== undefined) return found;
    const output = write();
    this.#done.set(name, output);
    return output;
  }
}
