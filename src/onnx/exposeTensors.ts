import { ArgumentError } from "../errors.ts";
import { createValueInfo, DataType, decodeModel, encodeModel } from "./protobuf.ts";

/**
 * The same model with inner tensors as further outputs, so that a runtime shows what it computed there.
 * Tensors that are outputs already are left alone.
 *
 * Errors: ArgumentError for a name no node writes.
 */
export function exposeTensors(bytes: Uint8Array, names: readonly string[], file = "model.onnx"): Uint8Array {
  const model = decodeModel(bytes, file);
  if (!model.graph) throw new ArgumentError(file, "the file must hold a graph, got none");
  const { node, output, valueInfo } = model.graph;
  const written = new Set(node.flatMap((n) => n.output));
  const present = new Set(output.map((o) => o.name));
  const plain = { value: { case: "tensorType" as const, value: { elemType: DataType.FLOAT } } };
  const added = [...new Set(names)].filter((name) => !present.has(name));
  for (const name of added) {
    if (!written.has(name)) throw new ArgumentError("exposeTensors", `every name must be written by a node, got "${name}" (${file})`);
  }
  for (const name of added) output.push(valueInfo.find((info) => info.name === name) ?? createValueInfo({ name, type: plain }));
  return encodeModel(model);
}
