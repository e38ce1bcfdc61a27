import type { TfNode } from "../../src/tfjs/modelJson.ts";

/** A stored tensor of a built model. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Attribute values in the form of the file. */
export const attr = {
  ints: (...values: number[]) => ({ list: { i: values.map(String) } }),
  int: (value: number) => ({ i: String(value) }),
  float: (value: number) => ({ f: value }),
  bool: (value: boolean) => ({ b: value }),
  text: (value: string) => ({ s: btoa(value) }),
  texts: (...values: string[]) => ({ list: { s: values.map((v) => btoa(v)) } }),
  type: (value: string) => ({ type: value }),
  shape: (...sizes: number[]) => ({ shape: { dim: sizes.map((size) => ({ size: String(size) })) } }),
};

export type PartialNode = Pick<TfNode, "name" | "op"> & Partial<TfNode>;

const dtypeOf = (data: Weight["data"]): string => (data instanceof Float32Array ? "float32" : "int32");

/** The two files of a graph model: `model.json` and one shard "weights.bin". */
export function graphModel(
  nodes: readonly PartialNode[],
  weights: Readonly<Record<string, Weight>> = {},
  extra: object = {},
): { json: Uint8Array; shard: Uint8Array } {
  const entries = Object.entries(weights);
  const constants = entries.map(([name, { data }]) => ({
    name,
    op: "Const",
    attr: { dtype: attr.type(data instanceof Float32Array ? "DT_FLOAT" : "DT_INT32") },
  }));
  const manifest = [{ paths: ["weights.bin"], weights: entries.map(([name, { shape, data }]) => ({ name, shape, dtype: dtypeOf(data) })) }];
  const bytes = entries.flatMap(([, { data }]) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
  const topology = { node: [...constants, ...nodes.map((n) => ({ input: [], attr: {}, ...n }))], library: {}, versions: {} };
  const json = { format: "graph-model", modelTopology: topology, weightsManifest: manifest, ...extra };
  return { json: new TextEncoder().encode(JSON.stringify(json)), shard: Uint8Array.from(bytes) };
}

export const floats = (shape: readonly number[], data: ArrayLike<number>): Weight => ({ shape, data: Float32Array.from(data) });
export const whole = (...values: number[]): Weight => ({ shape: [values.length], data: Int32Array.from(values) });
export const wholeScalar = (value: number): Weight => ({ shape: [], data: Int32Array.of(value) });
