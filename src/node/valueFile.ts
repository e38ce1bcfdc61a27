import { readSafetensors, writeSafetensors } from "../data/index.ts";
import { ArgumentError } from "../errors.ts";
import { Tensor } from "../tensor/index.ts";

/** What a file of values may hold: trees of records, lists, maps by text, tensors, texts, booleans and any numbers. */
export type Value =
  | Tensor
  | ReadonlyMap<string, Value>
  | readonly Value[]
  | { readonly [key: string]: Value }
  | string
  | number
  | boolean
  | null
  | undefined;

/**
 * A tree of values as a safetensors file: tensors by number, the tree as JSON beside them. Every number comes back with its
 * bits, maps in their order; entries of records that are undefined are left out. Shapes are kept.
 */
export function encodeValue(value: Value): Uint8Array {
  const tensors = new Map<string, Tensor>();
  const tree = JSON.stringify(toTree(value, tensors));
  return writeSafetensors(tensors, new Map([["value", tree]]));
}

/** The inverse of `encodeValue`. Errors: ArgumentError for other files. Shapes are kept. */
export function decodeValue(bytes: Uint8Array, name: string): Value {
  const { tensors, metadata } = readSafetensors(bytes, name);
  const tree = metadata.get("value");
  if (tree === undefined) throw new ArgumentError("decodeValue", `${name} must hold a value, got none`);
  return fromTree(JSON.parse(tree) as Tree, tensors);
}

type Tree = string | boolean | null | Branch;
type Kind = "list" | "map" | "record" | "tensor" | "number";
interface Branch extends ReadonlyArray<Tree | Kind> {
  readonly 0: Kind;
}

/** Lists are marked, so that what is marked is never a list of the value. */
function toTree(value: Value, tensors: Map<string, Tensor>): Tree {
  const pairs = (entries: Iterable<[string, Value]>): Tree[] => [...entries].map(([k, v]) => ["list", k, toTree(v, tensors)]);
  if (typeof value === "number") return ["number", Object.is(value, -0) ? "-0" : String(value)];
  if (typeof value !== "object") return value ?? null;
  if (value === null) return value;
  if (value instanceof Tensor) {
    const name = String(tensors.size);
    tensors.set(name, value);
    return ["tensor", name];
  }
  if (value instanceof Map) return ["map", ...pairs(value as ReadonlyMap<string, Value>)];
  if (Array.isArray(value)) return ["list", ...value.map((v: Value) => toTree(v, tensors))];
  return ["record", ...pairs(Object.entries(value).filter(([, v]) => v !== undefined) as [string, Value][])];
}

function fromTree(tree: Tree, tensors: ReadonlyMap<string, Tensor>): Value {
  if (typeof tree !== "object" || tree === null) return tree;
  const kind = tree[0];
  const parts = tree.slice(1);
  const values = (): Value[] => parts.map((part) => fromTree(part, tensors));
  const pairs = (): [string, Value][] => values().map((pair) => pair as unknown as [string, Value]);
  switch (kind) {
    case "number":
      return Number(parts[0]);
    case "tensor":
      return tensors.get(parts[0] as string);
    case "list":
      return values();
    case "map":
      return new Map(pairs());
    case "record":
      return Object.fromEntries(pairs());
  }
}
