import type { GraphBuilder, Operand } from "../graph/index.ts";
import { type Meta, permute, type Tensor } from "../tensor/index.ts";

/** File axes of a picture tensor [N,H,W,C] in the order of ours [N,C,H,W]. */
const TO_PLANES = [0, 3, 1, 2];
/** And back. */
const TO_ROWS = [0, 2, 3, 1];

/** Where an axis of [N,H,W,C] lies in [N,C,H,W]. */
export const planeAxis = (axis: number): number => TO_PLANES.indexOf(axis);

/** Shape or per-axis values of [N,H,W,C] in the order [N,C,H,W]. */
export const inPlaneOrder = <T>(values: readonly T[]): T[] => TO_PLANES.map((axis) => values[axis]);

/** What a held tensor needs to add its other form. */
export interface Rearranging {
  readonly builder: GraphBuilder;
  readonly where: string;
}

/**
 * A tensor of the file. It may be held in the file's order ("rows": channels last) or, with 4 axes, in ours ("planes":
 * channels first); the other form is made when it is first asked for, and kept.
 */
export class Held {
  /** As the file has it. */
  readonly meta: Meta;
  /** Name of the form in the file's order, once one has to be made. */
  readonly #rowsName: string;
  #rows: Operand | undefined;
  #planes: Operand | undefined;

  private constructor(meta: Meta, rowsName: string, rows: Operand | undefined, planes: Operand | undefined) {
    this.meta = meta;
    this.#rowsName = rowsName;
    this.#rows = rows;
    this.#planes = planes;
  }

  static inRows(operand: Operand): Held {
    return new Held(operand.meta, operand.name, operand, undefined);
  }

  /** `rowsName` names the form in the file's order, where one is needed. */
  static inPlanes(operand: Operand, rowsName: string): Held {
    const { shape, dtype } = operand.meta;
    return new Held({ shape: TO_ROWS.map((axis) => shape[axis]), dtype }, rowsName, undefined, operand);
  }

  /** True where the tensor is held in our order and is no constant: work on it goes on there. */
  get prefersPlanes(): boolean {
    return this.#planes !== undefined && this.#planes.value === undefined;
  }

  /** The value, in the file's order, where it is known while importing. */
  get value(): Tensor | undefined {
    return this.#rows?.value;
  }

  /** In the file's order. */
  rows(at: Rearranging): Operand {
    this.#rows ??= rearranged(this.#planes as Operand, TO_ROWS, this.#rowsName, at);
    return this.#rows;
  }

  /** [N,C,H,W]; for tensors of 4 axes. */
  planes(at: Rearranging): Operand {
    const rows = this.#rows as Operand;
    this.#planes ??= rearranged(rows, TO_PLANES, at.builder.freshName(`${rows.name}/NCHW`), at);
    return this.#planes;
  }
}

function rearranged(operand: Operand, perm: number[], name: string, { builder, where }: Rearranging): Operand {
  return builder.emit(where, permute.def, [operand], { perm }, name, [name])[0];
}
