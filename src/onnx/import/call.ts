import { ArgumentError } from "../../errors.ts";
import type { GraphBuilder } from "../../graph/index.ts";
import { constant, type Operand } from "../../graph/index.ts";
import { cast, type DType, type Meta, type OpDef, reshape, sameShape, scalar, type Tensor } from "../../tensor/index.ts";
import type { NodeProto } from "../protobuf.ts";
import { Attributes } from "./attributes.ts";

/** One node of the file, as an operator's row sees it. */
export class NodeCall {
  readonly builder: GraphBuilder;
  readonly opset: number;
  readonly attributes: Attributes;
  /** Name of the node in the graph: the file's, or its first output's where it has none. */
  readonly name: string;
  /** Start of every message about this node. */
  readonly where: string;
  readonly #proto: NodeProto;
  /** Names of what inner steps wrote. */
  readonly #inner = new Set<string>();

  constructor(builder: GraphBuilder, proto: NodeProto, opset: number) {
    this.builder = builder;
    this.opset = opset;
    this.#proto = proto;
    this.name = nodeNameOf(proto);
    this.where = `${builder.file}: node "${this.name}" (${proto.opType})`;
    this.attributes = new Attributes(proto, this.where);
  }

  /** Name of the first output. */
  get outputName(): string {
    return this.#proto.output[0];
  }

  /** Number of outputs the file uses. */
  get outputCount(): number {
    return this.#proto.output.filter((name) => name !== "").length;
  }

  /** Whether the file uses output number `index`. */
  writes(index: number): boolean {
    return (this.#proto.output[index] ?? "") !== "";
  }

  get inputs(): Operand[] {
    return this.#proto.input.map((_, i) => this.input(i));
  }

  optional(index: number): Operand | undefined {
    const name = this.#proto.input[index];
    if (name === undefined || name === "") return undefined;
    const found = this.builder.find(name);
    if (!found)
      throw new ArgumentError(this.where, `input ${index} must be written before it is read, got "${name}", which no earlier node writes`);
    return found;
  }

  input(index: number): Operand {
    return this.optional(index) ?? this.fail(`input ${index} must be given, got none`);
  }

  /** The value of an input that must be known while importing. */
  constant(index: number): Tensor {
    const { name, value } = this.input(index);
    return value ?? this.fail(`input ${index} must be a constant, got "${name}", which is computed`);
  }

  /** As `constant`, as numbers; undefined where the input is absent or empty. */
  numbers(index: number): number[] | undefined {
    const found = this.optional(index) && this.constant(index);
    return found && found.size > 0 ? Array.from(found.data) : undefined;
  }

  /** To be called before a constant is made that the file does not store. Errors: ArgumentError where that is too much. */
  makeRoom(elements: number): void {
    this.builder.makeRoom(this.where, elements);
  }

  /** Adds an inner step of this node. */
  emit<A>(step: string, op: { readonly def: OpDef<A> }, inputs: readonly Operand[], attrs: A): Operand {
    return this.emitAll(step, op, inputs, attrs, 1)[0];
  }

  /** As `emit`, for an op of several outputs. */
  emitAll<A>(step: string, op: { readonly def: OpDef<A> }, inputs: readonly Operand[], attrs: A, count: number): Operand[] {
    const label = (i: number): string => `${this.#proto.output[0]}/${step}${count > 1 ? i : ""}`;
    const outputs = Array.from({ length: count }, (_, i) => this.builder.freshName(label(i)));
    for (const output of outputs) this.#inner.add(output);
    return this.builder.emit(this.where, op.def, inputs, attrs, `${this.name}/${step}`, outputs);
  }

  /** Adds the step that writes this node's first output. */
  write<A>(op: { readonly def: OpDef<A> }, inputs: readonly Operand[], attrs: A): void {
    this.writeAt(0, op, inputs, attrs);
  }

  /** Lets an output be another tensor under a second name. */
  alias(operand: Operand, index = 0): void {
    const name = this.#proto.output[index];
    this.builder.define(name, operand.value ? { ...operand, name } : operand);
  }

  /** Lets the last inner step write an output: its tensor takes the file's name, and so does the step of the first output. */
  settle(operand: Operand, index = 0): void {
    const name = this.#proto.output[index];
    const inner = this.#inner.delete(operand.name) && !operand.value;
    if (inner) this.builder.rename(operand.name, name, index === 0 ? this.name : undefined);
    if (inner) this.builder.define(name, { ...operand, name });
    else this.alias(operand, index);
  }

  /** Adds the step that writes output number `index` alone. */
  writeAt<A>(index: number, op: { readonly def: OpDef<A> }, inputs: readonly Operand[], attrs: A): void {
    const output = this.#proto.output[index];
    const name = index === 0 ? this.name : `${this.name}/${index}`;
    this.builder.define(output, this.builder.emit(this.where, op.def, inputs, attrs, name, [output])[0]);
  }

  /** Defines output 0 as it stands. */
  define(operand: Omit<Operand, "name">): void {
    this.builder.define(this.#proto.output[0], { ...operand, name: this.#proto.output[0] });
  }

  /** A constant of this node's own. */
  own(label: string, value: Tensor): Operand {
    return constant(this.builder.freshName(`${this.#proto.output[0]}/${label}`), value);
  }

  /** A number of this node's own, in the element type of `like`. */
  number(label: string, value: number, like: { readonly meta: Meta }): Operand {
    return this.own(label, scalar(value, like.meta.dtype));
  }

  /** x in another shape of as many elements; x itself where it has that shape. */
  shaped(label: string, x: Operand, shape: readonly number[]): Operand {
    return sameShape(x.meta.shape, shape) ? x : this.emit(label, reshape, [x], { shape });
  }

  /** x in another element type; x itself where it has that type. */
  converted(label: string, x: Operand, dtype: DType): Operand {
    return x.meta.dtype === dtype ? x : this.emit(label, cast, [x], { dtype });
  }

  /** An axis in [0, rank). */
  axis(value: number, rank: number): number {
    if (!Number.isInteger(value) || value < -rank || value >= rank)
      this.fail(`axis must be an integer in [${-rank}, ${rank}), got ${value}`);
    return value < 0 ? value + rank : value;
  }

  fail(problem: string): never {
    throw new ArgumentError(this.where, problem);
  }
}

/** A node's name, or its first output's where the file gives none. */
export const nodeNameOf = (proto: NodeProto): string => proto.name || proto.output[0] || proto.opType;

/** One supported ONNX operator. */
export interface OperatorRow {
  readonly type: string;
  build(call: NodeCall): void;
}
