import { ArgumentError } from "../errors.ts";
import { constant, type GraphBuilder, LARGEST_TENSOR, type Operand, type Port } from "../graph/index.ts";
import { type Meta, type OpDef, reshape, sizeOf, Tensor } from "../tensor/index.ts";
import { Attributes } from "./attributes.ts";
import { Held, inPlaneOrder } from "./held.ts";
import type { TfNode } from "./modelJson.ts";

/** What all nodes of one import share. */
export interface Import {
  readonly builder: GraphBuilder;
  /** By the file's name: "node", or "node:1" for further outputs. */
  readonly held: Map<string, Held>;
  /** Names of the tensors that become graph outputs. */
  readonly outputs: ReadonlySet<string>;
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Graph inputs found so far. */
  readonly inputs: Port[];
  /** Shape of an input by the file's signature or the caller; undefined where neither gives one. */
  inputShape(name: string): readonly number[] | undefined;
  /** Height and width of pictures where the file leaves them free. */
  readonly freeSides: readonly [height: number, width: number] | undefined;
}

/** Name of a tensor in the file: ":0" is left out, as tfjs does. */
export const tensorKey = (name: string): string => name.replace(/:0$/, "");

/** The tensors a node reads; control inputs ("^name") only order execution. */
export const dataInputs = (node: TfNode): string[] => node.input.filter((name) => !name.startsWith("^")).map(tensorKey);

/** One node of the file, as an operator's row sees it. */
export class TfCall {
  readonly shared: Import;
  readonly node: TfNode;
  readonly attributes: Attributes;
  /** Start of every message about this node. */
  readonly where: string;
  readonly #inputs: readonly string[];

  constructor(shared: Import, node: TfNode) {
    this.shared = shared;
    this.node = node;
    this.where = `${shared.builder.file}: node "${node.name}" (${node.op})`;
    this.attributes = new Attributes(node.attr, this.where);
    this.#inputs = dataInputs(node);
  }

  get builder(): GraphBuilder {
    return this.shared.builder;
  }

  get inputCount(): number {
    return this.#inputs.length;
  }

  held(index: number): Held {
    const name = this.#inputs[index] ?? this.fail(`input ${index} must be given, got none`);
    return this.shared.held.get(name) ?? this.fail(`input ${index} must be written before it is read, got "${name}"`);
  }

  get allHeld(): Held[] {
    return this.#inputs.map((_, i) => this.held(i));
  }

  /** An input in the file's order. */
  rows(index: number): Operand {
    return this.held(index).rows(this);
  }

  /** A picture input in our order [N,C,H,W]. */
  planes(index: number): Operand {
    const held = this.held(index);
    if (held.meta.shape.length !== 4) this.fail(`input ${index} must have 4 dimensions, got ${held.meta.shape.length}`);
    return held.planes(this);
  }

  /** An input that broadcasts against picture tensors, in our order: missing leading axes are filled with 1. */
  broadcastPlanes(index: number): Operand {
    const held = this.held(index);
    const { shape } = held.meta;
    if (shape.length === 4) return held.planes(this);
    const rows = held.rows(this);
    if (sizeOf(shape) === 1 && shape.length <= 1) return rows;
    const full = [...new Array<number>(4 - shape.length).fill(1), ...shape];
    return this.emit(`broadcast${index}`, reshape, [rows], { shape: inPlaneOrder(full) });
  }

  /** The value of an input that must be known while importing. */
  constant(index: number): Tensor {
    return this.held(index).value ?? this.fail(`input ${index} must be a constant, got "${this.#inputs[index]}", which is computed`);
  }

  /** As `constant`, as numbers. */
  numbers(index: number): number[] {
    return Array.from(this.constant(index).data);
  }

  /** Whether no other node reads input `index`: then a rearranged copy may keep its name. */
  readsAlone(index: number): boolean {
    return this.builder.readersOf(this.#inputs[index]) === 1;
  }

  /** Name of an input tensor in the file. */
  inputName(index: number): string {
    return this.#inputs[index];
  }

  /** Adds an inner step of this node. */
  emit<A>(
    step: string,
    op: { readonly def: OpDef<A> },
    inputs: readonly Operand[],
    attrs: A,
    nodeName = `${this.node.name}/${step}`,
  ): Operand {
    const output = this.builder.freshName(`${this.node.name}/${step}`);
    return this.builder.emit(this.where, op.def, inputs, attrs, nodeName, [output])[0];
  }

  /** Adds the step that writes output `index`, in the file's order. */
  write<A>(op: { readonly def: OpDef<A> }, inputs: readonly Operand[], attrs: A, index = 0): void {
    const key = this.#key(index);
    this.#put(index, Held.inRows(this.builder.emit(this.where, op.def, inputs, attrs, key, [key])[0]));
  }

  /** Adds the step that writes output 0, in our order [N,C,H,W]. */
  writePlanes<A>(op: { readonly def: OpDef<A> }, inputs: readonly Operand[], attrs: A, index = 0): void {
    const name = this.planesName(index);
    this.#holdPlanes(this.builder.emit(this.where, op.def, inputs, attrs, this.#key(index), [name])[0], index);
  }

  /** Name of an output in our order: the file's own, unless a graph output needs that for the file's order. */
  planesName(index = 0): string {
    const key = this.#key(index);
    return this.shared.outputs.has(key) ? `${key}/NCHW` : key;
  }

  /** Declares output 0 written, in our order and under `planesName`, by a node of an earlier call. Returns that name. */
  claimPlanes(meta: Meta): string {
    const name = this.planesName();
    this.#holdPlanes({ name, meta }, 0);
    return name;
  }

  /** Lets output 0 be another tensor under a second name. */
  alias(held: Held): void {
    this.#put(0, held);
  }

  /** Defines an output whose value is known. */
  define(value: Tensor, index = 0): void {
    const key = this.#key(index);
    this.#put(index, Held.inRows(constant(key, value)));
  }

  /** A constant of this node's own. */
  own(label: string, value: Tensor): Operand {
    return constant(this.builder.freshName(`${this.node.name}/${label}`), value);
  }

  /**
   * Makes output 0 a graph input. `declared` has -1 where a size is free; the batch may stay so.
   * Departure: inputs of whole numbers are taken as f32 that hold them, as pictures come.
   */
  input(declared: readonly number[] | undefined): void {
    const name = this.node.name;
    const given = this.shared.inputShape(name);
    const known = (declared ?? given)?.map((d, i) => (d < 0 ? (given?.[i] ?? -1) : d));
    const { freeSides } = this.shared;
    const isPicture = known?.length === 4 && known[3] === 3;
    const shape = isPicture && freeSides ? known.map((d, i) => (d < 0 && (i === 1 || i === 2) ? freeSides[i - 1] : d)) : known;
    if (!shape || shape.some((d, i) => !(d >= 1 || (i === 0 && d === -1))) || (given && given.length !== shape.length))
      this.fail(`the input must have a fixed shape but for the batch, got [${shape?.join(",") ?? "?"}] (give an input shape)`);
    if (!(sizeOf(shape) <= LARGEST_TENSOR)) this.fail(`the input must have at most ${LARGEST_TENSOR} elements, got [${shape.join(",")}]`);
    this.shared.inputs.push({ name, shape, dtype: "f32" });
    this.#put(0, Held.inRows({ name, meta: { shape: shape.map((d) => (d === -1 ? 1 : d)), dtype: "f32" } }));
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

  #key(index: number): string {
    return index === 0 ? this.node.name : `${this.node.name}:${index}`;
  }

  #holdPlanes(operand: Operand, index: number): void {
    const key = this.#key(index);
    this.#put(index, Held.inPlanes(operand, operand.name === key ? this.builder.freshName(`${key}/NHWC`) : key));
  }

  #put(index: number, held: Held): void {
    this.shared.held.set(this.#key(index), held);
  }
}

/** A tensor of whole numbers, as shape arithmetic has them. */
export const wholeTensor = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor =>
  new Tensor(shape, "i32", Int32Array.from(values));

/** One supported TensorFlow operator. */
export interface OperatorRow {
  readonly op: string;
  build(call: TfCall): void;
  /** The inputs it needs built before it; all where absent. */
  readonly reads?: (node: TfNode) => readonly string[];
}
