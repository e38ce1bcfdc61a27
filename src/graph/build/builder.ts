import { ArgumentError, InlierqError } from "../../errors.ts";
import { type AnyOp, bind, cast, clamp, type DType, formatShape, type Meta, reshape, sizeOf, type Tensor } from "../../tensor/index.ts";
import { assembleGraph, liveNodes } from "../assemble.ts";
import type { Graph } from "../graph.ts";
import type { Node, Port } from "../layer.ts";
import { soundMetas } from "../soundMetas.ts";
import { type NormStatistics, statisticsOfNodes } from "../statistics.ts";
import { constant, type Operand } from "./operand.ts";

/**
 * Elements that the constants made while importing may have together, beyond those they are made of: a hostile file of a
 * few bytes could ask for any number.
 */
export const LARGEST_CONSTANT = 2 ** 24;

/** The same for every tensor of the graph: 2 GiB of f32. */
export const LARGEST_TENSOR = 2 ** 29;

const isInteger = ({ dtype }: Meta): boolean => dtype !== "f32" && dtype !== "f64";

/** The integer type that what is computed from such inputs has. */
const sharedDtype = (inputs: readonly Meta[]): DType => (inputs.every(({ dtype }) => dtype === inputs[0].dtype) ? inputs[0].dtype : "i32");

/** The graph as far as it is built: known tensors, emitted nodes, parameters in use, names taken. */
export class GraphBuilder {
  /** Name of the file, for messages. */
  readonly file: string;
  readonly nodes: Node[] = [];
  readonly parameters = new Map<string, Tensor>();
  /** What normalisations that are folded promise of the tensors they wrote. */
  readonly statistics = new Map<string, NormStatistics>();
  readonly #operands = new Map<string, Operand>();
  readonly #names: Set<string>;
  readonly #nodeNames = new Set<string>();
  readonly #readers: ReadonlyMap<string, number>;
  #made = 0;

  /** `readers` counts, for every tensor name of the file, the nodes and graph outputs that read it. */
  constructor(file: string, readers: ReadonlyMap<string, number>) {
    this.file = file;
    this.#readers = readers;
    this.#names = new Set(readers.keys());
  }

  /** Makes a tensor of the file known under the file's name for it. Errors: ArgumentError for a name that is taken. */
  define(name: string, operand: Operand): void {
    if (this.#operands.has(name)) throw new ArgumentError(this.file, `every tensor must be written once, got "${name}" written twice`);
    this.#operands.set(name, operand);
    this.#names.add(name);
  }

  /** What a name of the file stands for so far. */
  find(name: string): Operand | undefined {
    return this.#operands.get(name);
  }

  /** How many nodes and graph outputs of the file read the tensor. */
  readersOf(name: string): number {
    return this.#readers.get(name) ?? 0;
  }

  /** The wanted name of a tensor, or one like it that is free. */
  freshName(wanted: string): string {
    return claim(this.#names, wanted);
  }

  /** The wanted name of a node, or one like it that is free. */
  freshNodeName(wanted: string): string {
    return claim(this.#nodeNames, wanted);
  }

  /**
   * Adds a node, or computes it now where all inputs are constants. Whole numbers that the op does not take
   * (it is one of floats) are computed in f64, which is exact for them, and truncated back. Errors: ArgumentError, in the
   * name of `where`, where the inputs do not fit the op or a tensor would be too large.
   */
  emit(where: string, op: AnyOp, inputs: readonly Operand[], attrs: unknown, nodeName: string, outputs: readonly string[]): Operand[] {
    const values = inputs.map((o) => o.value);
    if (values.every((v) => v !== undefined)) return this.#fold(where, op, values, attrs, outputs);
    const given = inputs.map((o) => o.meta);
    if (given.every(isInteger) && !takes(op, given, attrs)) return this.#emitInDouble(where, op, inputs, attrs, nodeName, outputs);
    const metas = this.#infer(where, op, given, attrs);
    const large = metas.find(({ shape }) => sizeOf(shape) > LARGEST_TENSOR);
    if (large)
      throw new ArgumentError(where, `a tensor must have at most ${LARGEST_TENSOR} elements, got shape ${formatShape(large.shape)}`);
    const names = inputs.map((o) => this.#use(where, o));
    this.nodes.push({ name: this.freshNodeName(nodeName), op, attrs, inputs: names, outputs });
    return outputs.map((name, i) => ({ name, meta: metas[i] }));
  }

  #emitInDouble(
    where: string,
    op: AnyOp,
    inputs: readonly Operand[],
    attrs: unknown,
    nodeName: string,
    outputs: readonly string[],
  ): Operand[] {
    const convert = (x: Operand, dtype: DType, step: string, output: string): Operand =>
      this.emit(where, cast.def, [x], { dtype }, `${nodeName}/${step}`, [output])[0];
    const wide = inputs.map((x, i) => convert(x, "f64", `wide${i}`, this.freshName(`${outputs[0]}/wide${i}`)));
    const metas = this.#infer(
      where,
      op,
      wide.map((o) => o.meta),
      attrs,
    );
    const names = outputs.map((name, i) => (isInteger(metas[i]) ? name : this.freshName(`${name}/exact`)));
    const results = this.emit(where, op, wide, attrs, `${nodeName}/exact`, names);
    const dtype = sharedDtype(inputs.map((o) => o.meta));
    return results.map((y, i) => (isInteger(y.meta) ? y : convert(y, dtype, "whole", outputs[i])));
  }

  /** Name of an operand for a node to read; a constant becomes a parameter. */
  #use(where: string, { name, value }: Operand): string {
    if (value && !this.parameters.has(name)) {
      requireFinite(where, name, value);
      this.parameters.set(name, value);
    }
    return name;
  }

  /** Counts elements that are about to be made out of nothing. Errors: ArgumentError where the file has asked for too many. */
  makeRoom(where: string, elements: number): void {
    this.#made += elements;
    if (this.#made <= LARGEST_CONSTANT) return;
    throw new ArgumentError(where, `computed constants must have at most ${LARGEST_CONSTANT} elements together, got ${this.#made}`);
  }

  #fold(where: string, op: AnyOp, values: readonly Tensor[], attrs: unknown, outputs: readonly string[]): Operand[] {
    const inDouble = values.every(isInteger) && !takes(op, values, attrs);
    const inputs = inDouble ? values.map((v) => cast(v, "f64")) : values;
    const given = inputs.reduce((sum, { size }) => sum + size, 0);
    for (const { shape } of this.#infer(where, op, inputs, attrs)) this.makeRoom(where, Math.max(0, sizeOf(shape) - given));
    const results = bind(op, inputs, attrs);
    const dtype = sharedDtype(values);
    return outputs.map((name, i) => constant(name, inDouble && !isInteger(results[i]) ? cast(results[i], dtype) : results[i]));
  }

  #infer(where: string, op: AnyOp, inputs: readonly Meta[], attrs: unknown): readonly Meta[] {
    try {
      return soundMetas(op, inputs, attrs);
    } catch (cause) {
      if (!(cause instanceof InlierqError)) throw cause;
      throw new ArgumentError(where, `the node must fit its inputs, got ${cause.message}`);
    }
  }

  /** The node that writes a tensor. */
  producerOf(name: string): Node | undefined {
    return this.nodes.findLast((node) => node.outputs.includes(name));
  }

  /** Gives a tensor that a node wrote another name, and the node too where `nodeName` is given. */
  rename(from: string, to: string, nodeName?: string): void {
    const change = (name: string): string => (name === from ? to : name);
    this.nodes.forEach((node, i) => {
      const wrote = node.outputs.includes(from);
      if (!wrote && !node.inputs.includes(from)) return;
      const name = wrote && nodeName !== undefined ? this.freshNodeName(nodeName) : node.name;
      this.nodes[i] = { ...node, name, inputs: node.inputs.map(change), outputs: node.outputs.map(change) };
    });
    const known = this.statistics.get(from);
    this.statistics.delete(from);
    if (known) this.statistics.set(to, known);
  }

  /** Replaces a node in place, e.g. by one with other parameters. */
  replace(old: Node, next: Node): void {
    this.nodes[this.nodes.indexOf(old)] = next;
  }

  /** A graph output that is a constant, or another tensor under a second name, gets a node that changes nothing. */
  #copy(operand: Operand, output: string): void {
    const { shape } = operand.meta;
    if (operand.value) {
      const name = operand.name === output ? this.freshName(`${output}/value`) : operand.name;
      this.parameters.set(name, operand.value);
      this.nodes.push({ name: this.freshNodeName(output), op: reshape.def, attrs: { shape }, inputs: [name], outputs: [output] });
      return;
    }
    const copy = isInteger(operand.meta)
      ? { op: reshape.def, attrs: { shape } }
      : { op: clamp.def, attrs: { min: -Infinity, max: Infinity } };
    this.nodes.push({ name: this.freshNodeName(output), ...copy, inputs: [operand.name], outputs: [output] });
  }

  /**
   * The finished graph. Outputs get the file's names; parameters nobody reads any more are dropped. Errors: ArgumentError for an output that nothing computes or that is not float.
   */
  finish(name: string, inputs: readonly Port[], outputNames: readonly string[]): Graph {
    const renamed = new Map<string, string>();
    for (const output of outputNames) {
      const operand = this.find(output);
      if (!operand) throw new ArgumentError(this.file, `graph output "${output}" must be written by a node, got none`);
      if (operand.name === output && !operand.value) continue;
      if (operand.value || !this.producerOf(operand.name) || renamed.has(operand.name) || outputNames.includes(operand.name))
        this.#copy(operand, output);
      else renamed.set(operand.name, output);
    }
    const rename = (tensor: string): string => renamed.get(tensor) ?? tensor;
    const nodes = this.nodes.map((n) => ({ ...n, inputs: n.inputs.map(rename), outputs: n.outputs.map(rename) }));
    const live = liveNodes(nodes, outputNames);
    const used = new Set(live.flatMap((n) => n.inputs));
    const parameters = new Map([...this.parameters].filter(([key]) => used.has(key)));
    const outputs = outputNames.map((output) => ({ name: output, ...(this.find(output) as Operand).meta }));
    const folded = [...this.statistics].map(([tensor, known]) => [rename(tensor), known] as const);
    const statistics = new Map([...folded, ...statisticsOfNodes(live, parameters)]);
    return assembleGraph({ name, inputs, outputs, nodes: live, parameters, statistics });
  }
}

/** Whether an op takes these inputs as they are. */
function takes(op: AnyOp, inputs: readonly Meta[], attrs: unknown): boolean {
  try {
    op.infer(inputs, attrs);
    return true;
  } catch (cause) {
    if (cause instanceof InlierqError) return false;
    throw cause;
  }
}

function claim(taken: Set<string>, wanted: string): string {
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted}_${i}`;
  taken.add(name);
  return name;
}

function requireFinite(where: string, name: string, { data, dtype }: Tensor): void {
  if (dtype !== "f32" && dtype !== "f64") return;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new ArgumentError(where, `every weight must be finite, got ${data[i]} in tensor "${name}" (element ${i})`);
  }
}
