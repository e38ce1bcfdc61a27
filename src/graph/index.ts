/** An imported or traced network as a module whose tensors all have names. */

export { assembleGraph, liveNodes } from "./assemble.ts";
export { GraphBuilder, LARGEST_CONSTANT, LARGEST_TENSOR } from "./build/builder.ts";
export { foldIntoConvolution } from "./build/foldBatchNorm.ts";
export { type Codes, constant, type Operand } from "./build/operand.ts";
export { describeGraph, type GraphDescription, type LayerDescription } from "./describe.ts";
export { Graph, type GraphParts, runNode } from "./graph.ts";
export { type GraphInput, inputTensors, type PerInput, perInput } from "./input.ts";
export { findLayers, type Layer, type Node, type Port } from "./layer.ts";
export { type NormStatistics, normStatistics } from "./statistics.ts";
export { type TraceOptions, traceGraph } from "./trace.ts";
export { findUnits, type Grain, type Unit } from "./units.ts";
