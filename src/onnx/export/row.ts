import type { AnyOp, OpDef } from "../../tensor/index.ts";
import type { AttributeInit } from "../protobuf.ts";
import type { ExportCall } from "./writer.ts";

/** How one op of ours is written in ONNX, at opset 13 and at 21. */
export interface ExportRow {
  readonly op: AnyOp;
  /** True where opset 13 has no operator for it. */
  readonly late?: true;
  write(call: ExportCall): void;
}

/** A row whose attributes have the op's own type. */
export function row<A>({ def }: { readonly def: OpDef<A> }, write: (call: ExportCall<A>) => void): ExportRow {
  return { op: def, write: (call) => write(call as ExportCall<A>) };
}

/** One ONNX node with the op's inputs and outputs. */
export const same = <A>(op: { readonly def: OpDef<A> }, type: string, attributes: (attrs: A) => AttributeInit[] = () => []): ExportRow =>
  row(op, ({ writer, node, attrs, inputs, outputs }) => writer.node(node.name, type, inputs, outputs, attributes(attrs)));

/** An inner tensor and the node that writes it. */
export function step<A>(
  { writer, node, outputs }: ExportCall<A>,
  label: string,
  type: string,
  inputs: readonly string[],
  attributes: AttributeInit[] = [],
): string {
  const output = writer.freshName(`${outputs[0]}/${label}`);
  writer.node(writer.freshNodeName(`${node.name}/${label}`), type, inputs, [output], attributes);
  return output;
}

/** The node that writes the outputs. */
export function finish<A>(
  { writer, node, outputs }: ExportCall<A>,
  type: string,
  inputs: readonly string[],
  attributes: AttributeInit[] = [],
): void {
  writer.node(node.name, type, inputs, outputs, attributes);
}
