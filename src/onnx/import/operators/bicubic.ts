import type { Operand } from "../../../graph/index.ts";
import { add, concat, floor, type GridSampleAttrs, gridSample, mul, slice, sub } from "../../../tensor/index.ts";
import type { NodeCall } from "../call.ts";

/** The `a` of cubic convolution that GridSample is defined with. Source: Keys 1981, eq. 15. */
const A = -0.75;

/** Weights of the four neighbours at distances d: in order of rising powers of d. */
const INNER = [1, 0, -(A + 3), A + 2];
const OUTER = [-4 * A, 8 * A, -5 * A, A];

type Rule = Omit<GridSampleAttrs, "mode">;

/** The four neighbours of all positions along one axis. */
interface Neighbours {
  /** Their grid values, each [N, oh, ow, 1]. */
  readonly values: readonly Operand[];
  /** Their weights, each [N, 1, oh, ow]. */
  readonly weights: readonly Operand[];
}

function neighboursOf(call: NodeCall, grid: Operand, component: 0 | 1, size: number, { alignCorners }: Rule): Neighbours {
  const label = (step: string): string => `${step}${component === 0 ? "Across" : "Down"}`;
  const number = (name: string, value: number): Operand => call.number(label(name), value, grid);
  const linear = (step: string, x: Operand, factor: number, offset: number): Operand =>
    call.emit(
      label(step),
      add,
      [call.emit(label(`${step}Scaled`), mul, [x, number(`${step}Factor`, factor)], {}), number(`${step}Offset`, offset)],
      {},
    );
  const span = alignCorners ? size - 1 : size;
  if (span === 0) call.fail("a picture of one pixel must not have aligned corners, got one");
  const value = call.emit(label("value"), slice, [grid], { dim: 3, start: component, end: component + 1, step: 1 });
  const pixel = linear("pixel", value, span / 2, (size - 1) / 2);
  const low = call.emit(label("low"), floor, [pixel], {});
  const past = call.emit(label("past"), sub, [pixel, low], {});
  const [n, oh, ow] = grid.meta.shape;
  const taps = [-1, 0, 1, 2];
  const weigh = (tap: number): Operand => {
    const distance = linear(`distance${tap}`, past, tap > 0 ? -1 : 1, Math.abs(tap));
    const powers = tap === 0 || tap === 1 ? INNER : OUTER;
    const weight = powers.slice(0, 3).reduceRight(
      (sum, power, i) => {
        const product = call.emit(label(`power${tap}_${i}`), mul, [sum, distance], {});
        return call.emit(label(`sum${tap}_${i}`), add, [product, number(`term${tap}_${i}`, power)], {});
      },
      number(`cube${tap}`, powers[3]),
    );
    return call.shaped(label(`weight${tap}`), weight, [n, 1, oh, ow]);
  };
  return {
    values: taps.map((tap) => linear(`value${tap}`, low, 2 / span, (2 * tap + 1 - size) / span)),
    weights: taps.map(weigh),
  };
}

/** GridSample by cubic convolution: sixteen samples of single pixels, each with its weight. */
export function emitBicubic(call: NodeCall, x: Operand, grid: Operand, rule: Rule): Operand {
  const [h, w] = x.meta.shape.slice(2);
  const [across, down] = [neighboursOf(call, grid, 0, w, rule), neighboursOf(call, grid, 1, h, rule)];
  const total = (label: string, parts: readonly Operand[]): Operand =>
    parts.reduce((sum, part, i) => call.emit(`${label}${i}`, add, [sum, part], {}));
  const rows = down.values.map((row, i) => {
    const cells = across.values.map((column, j) => {
      const at = call.emit(`at${i}${j}`, concat, [column, row], { dim: 3 });
      const cell = call.emit(`cell${i}${j}`, gridSample, [x, at], { ...rule, mode: "nearest" as const });
      return call.emit(`weighed${i}${j}`, mul, [cell, across.weights[j]], {});
    });
    return call.emit(`row${i}`, mul, [total(`cells${i}`, cells), down.weights[i]], {});
  });
  return total("rows", rows);
}
