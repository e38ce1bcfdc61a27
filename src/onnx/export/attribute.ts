import { type AttributeInit, AttributeType } from "../protobuf.ts";

/** Attribute values of a node to write: whole numbers become INT, others say what they are. */
export const int = (name: string, value: number): AttributeInit => ({ name, type: AttributeType.INT, i: BigInt(value) });
export const ints = (name: string, values: readonly number[]): AttributeInit => ({
  name,
  type: AttributeType.INTS,
  ints: values.map(BigInt),
});
export const float = (name: string, value: number): AttributeInit => ({ name, type: AttributeType.FLOAT, f: value });
export const text = (name: string, value: string): AttributeInit => ({
  name,
  type: AttributeType.STRING,
  s: new TextEncoder().encode(value) as Uint8Array<ArrayBuffer>,
});
