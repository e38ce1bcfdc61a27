import { ArgumentError } from "../../errors.ts";
import type { Tensor } from "../../tensor/index.ts";
import { type AttributeProto, AttributeType, type NodeProto } from "../protobuf.ts";
import { readTensor } from "../tensors.ts";

/** Typed access to a node's attributes that remembers which were read, so that none is ignored by oversight. */
export class Attributes {
  readonly #where: string;
  readonly #protos: ReadonlyMap<string, AttributeProto>;
  readonly #read = new Set<string>();

  constructor(node: NodeProto, where: string) {
    this.#where = where;
    this.#protos = new Map(node.attribute.map((a) => [a.name, a]));
  }

  has(name: string): boolean {
    return this.#protos.has(name);
  }

  int(name: string, fallback: number): number {
    const found = this.#get(name, AttributeType.INT);
    return found ? Number(found.i) : fallback;
  }

  float(name: string, fallback: number): number {
    return this.#get(name, AttributeType.FLOAT)?.f ?? fallback;
  }

  string(name: string, fallback: string): string {
    const found = this.#get(name, AttributeType.STRING);
    return found ? new TextDecoder().decode(found.s) : fallback;
  }

  ints(name: string): number[] | undefined {
    return this.#get(name, AttributeType.INTS)?.ints.map(Number);
  }

  floats(name: string): readonly number[] | undefined {
    return this.#get(name, AttributeType.FLOATS)?.floats;
  }

  tensor(name: string): Tensor | undefined {
    const found = this.#get(name, AttributeType.TENSOR);
    if (found && !found.t) throw new ArgumentError(this.#where, `attribute ${name} must hold a tensor, got none`);
    return found?.t && readTensor(found.t, this.#where);
  }

  /** Names of the attributes nobody asked for. */
  unread(): string[] {
    return [...this.#protos.keys()].filter((name) => !this.#read.has(name));
  }

  /** Marks attributes as known and without effect here. */
  ignore(...names: string[]): void {
    for (const name of names) this.#read.add(name);
  }

  #get(name: string, type: AttributeType): AttributeProto | undefined {
    this.#read.add(name);
    const found = this.#protos.get(name);
    if (found && found.type !== type) {
      throw new ArgumentError(
        this.#where,
        `attribute ${name} must be of type ${AttributeType[type]}, got ${AttributeType[found.type] ?? found.type}`,
      );
    }
    return found;
  }
}
