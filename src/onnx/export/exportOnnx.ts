import { ArgumentError } from "../../errors.ts";
import { Graph, type Node } from "../../graph/index.ts";
import type { Plan } from "../../quant/index.ts";
import { type FakeQuantAttrs, fakeQuant, type Meta } from "../../tensor/index.ts";
import { encodeModel } from "../protobuf.ts";
import { isSmallTable } from "./levels.ts";
import { type Grid, isNibble, isWide, QuantizedInputs, writeFakeQuant } from "./quantize.ts";
import { exportRows } from "./rows.ts";
import { sumsApart } from "./sumsApart.ts";
import { OnnxWriter } from "./writer.ts";

/** What `exportOnnx` takes beside the graph and its plan. */
export interface ExportOptions {
  /** Written as metadata_props: method, bits, seed and whatever else tells how the file came to be. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Version of this library, for producer_version. */
  readonly producerVersion?: string;
  /**
   * Leaves QuantizeLinear right behind a quantized layer, so that a runtime may merge the two into one integer kernel.
   * Such kernels round ties differently now and then, and a deep network drifts from the simulation after one such
   * code; so the default is false: an idle Min stands between and every optimization level gives the same values.
   */
  readonly fusible?: boolean;
}

/** Opset and the IR version that goes with it. */
const PLAIN = { opset: 13, ir: 8n } as const;
const LATE = { opset: 21, ir: 10n } as const;

/**
 * Writes a graph as an ONNX file with the same inputs, outputs and names: opset 13, or 21 where weights have
 * 4 bits or opset 13 lacks an operator. With a plan, quantized layers read QuantizeLinear / DequantizeLinear pairs; everything
 * else reads the float tensors. Equal arguments give equal bytes.
 *
 * Errors: ArgumentError for scales that are not positive normal numbers, or ops ONNX has no word for (all at once).
 */
export function exportOnnx(
  graph: Graph,
  plan?: Plan,
  { metadata = {}, producerVersion = "", fusible = false }: ExportOptions = {},
): Uint8Array {
  requireExportable(graph);
  const { opset, ir } = needsSmallTypes(graph, plan) || graph.nodes.some((n) => exportRows.get(n.op)?.late) ? LATE : PLAIN;
  const writer = new OnnxWriter(graph, withBatchOf2(graph), opset);
  const quantized = plan && new QuantizedInputs(graph, plan, writer, fusible);
  const outputs = new Set(graph.outputs.map((p) => p.name));
  const apart = plan && !fusible ? sumsApart(graph, writer) : undefined;
  for (const node of graph.nodes) {
    const layer = plan?.layers.has(node.name) ? graph.layerOf(node) : undefined;
    const inputs = layer && quantized ? quantized.of(layer) : plainInputs(graph, writer, node);
    writeNode(graph, writer, node, apart?.(node, inputs) ?? inputs);
    for (const name of node.outputs) if (!outputs.has(name)) writer.declare(name);
  }
  return encodeModel({
    irVersion: ir,
    producerName: "inlierq",
    producerVersion,
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: graph.name,
      node: writer.nodes,
      initializer: writer.initializers,
      input: graph.inputs.map((p) => writer.info(p.name)),
      output: graph.outputs.map((p) => writer.info(p.name)),
      valueInfo: writer.valueInfos,
    },
  });
}

function writeNode(graph: Graph, writer: OnnxWriter, node: Node, inputs: readonly string[]): void {
  const metas = node.inputs.map((name) => graph.metas.get(name) as Meta);
  const { attrs, outputs } = node;
  if (node.op === fakeQuant.def) writeFakeQuant(writer, inputs[0], outputs[0], metas[0].shape.length, gridOfNode(graph, node));
  else exportRows.get(node.op)?.write({ writer, node, attrs, inputs, outputs, metas });
}

/** Parameters a node reads are stored as they are; those of fakeQuant become scales and zero points instead. */
function plainInputs(graph: Graph, writer: OnnxWriter, node: Node): string[] {
  return node.inputs.map((name, i) => {
    const value = graph.parameters.get(name);
    return value && !(node.op === fakeQuant.def && i > 0) ? writer.tensor(name, value) : name;
  });
}

function gridOfNode(graph: Graph, node: Node): Grid {
  const [scale, zeroPoint] = [graph.parameters.get(node.inputs[1]), graph.parameters.get(node.inputs[2])];
  if (!scale || !zeroPoint)
    throw new ArgumentError("exportOnnx", `scale and zero point must be parameters, got computed ones (node "${node.name}")`);
  return { scale, zeroPoint, ...(node.attrs as FakeQuantAttrs) };
}

function requireExportable(graph: Graph): void {
  const missing = graph.nodes.filter((n) => n.op !== fakeQuant.def && !exportRows.has(n.op));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map((n) => n.op.name))];
  throw new ArgumentError("exportOnnx", `every op must have an ONNX form, got ${names.join(", ")} (first node "${missing[0].name}")`);
}

/** 4-bit weights, small tables of levels and 16-bit codes have types from opset 21 on. */
function needsSmallTypes(graph: Graph, plan: Plan | undefined): boolean {
  const sites = [...(plan?.weights.values() ?? [])];
  const weights = sites.filter((site) => !site.levels).map((site) => site.scheme);
  const activations = [...(plan?.activations.values() ?? [])].map((site) => site.scheme);
  const nodes = graph.nodes.filter((n) => n.op === fakeQuant.def).map((n) => n.attrs as FakeQuantAttrs);
  return sites.some(isSmallTable) || weights.some(isNibble) || [...weights, ...activations, ...nodes].some(isWide);
}

/** The graph with its free batch taken as 2: where shapes differ, a dimension is free. */
function withBatchOf2(graph: Graph): Graph {
  if (!graph.inputs.some((p) => p.shape.includes(-1))) return graph;
  const inputs = graph.inputs.map((p) => ({ ...p, shape: p.shape.map((d) => (d === -1 ? 2 : d)) }));
  return new Graph({ name: graph.name, inputs, outputs: graph.outputs, nodes: graph.nodes, parameters: graph.parameters });
}
