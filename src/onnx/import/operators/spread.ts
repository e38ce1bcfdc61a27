import type { Operand } from "../../../graph/index.ts";
import { type InterpolateAttrs, indexSelect, matmul, permute, Tensor } from "../../../tensor/index.ts";
import type { NodeCall } from "../call.ts";

/** How Resize finds input positions and what it reads there. */
export interface SpreadRule {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinate: InterpolateAttrs["coordinate"] | "tf_half_pixel_for_nn";
  readonly rounding: InterpolateAttrs["rounding"];
  /** The `a` of cubic convolution. Source: Keys 1981, eq. 15. */
  readonly cubicCoefficient: number;
  /** Whether cubic weights of positions outside are shared among those inside, instead of reading the edge. */
  readonly excludeOutside: boolean;
}

/** One axis: its length before and after, and the factor between them, which need not be their quotient. */
interface Stretch {
  readonly length: number;
  readonly size: number;
  readonly scale: number;
}

function coordinateOf(o: number, { length, size, scale }: Stretch, rule: SpreadRule["coordinate"]): number {
  // The operator's definition takes the length times the scale here, without rounding it down.
  if (rule === "align_corners") return size === 1 ? 0 : (o * (length - 1)) / (length * scale - 1);
  if (rule === "asymmetric") return o / scale;
  if (rule === "tf_half_pixel_for_nn") return (o + 0.5) / scale;
  if (rule === "pytorch_half_pixel" && size === 1) return 0;
  return (o + 0.5) / scale - 0.5;
}

const PIXEL: Readonly<Record<SpreadRule["rounding"], (at: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
};

/** Weight of a position at `distance` in cubic convolution. */
function cubic(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
}

/** The weights [size, length] of every input position in every output position. */
function weightsOf(stretch: Stretch, rule: SpreadRule): Float32Array {
  const { length, size } = stretch;
  const weights = new Float32Array(size * length);
  for (let o = 0; o < size; o++) {
    const at = coordinateOf(o, stretch, rule.coordinate);
    const low = Math.floor(at);
    const taps = rule.mode === "linear" ? [low, low + 1] : [low - 1, low, low + 1, low + 2];
    const weigh = (tap: number): number => (rule.mode === "linear" ? 1 - Math.abs(at - tap) : cubic(at - tap, rule.cubicCoefficient));
    const used = rule.excludeOutside ? taps.filter((tap) => tap >= 0 && tap < length) : taps;
    const total = rule.excludeOutside ? used.reduce((sum, tap) => sum + weigh(tap), 0) : 1;
    for (const tap of used) weights[o * length + Math.min(Math.max(tap, 0), length - 1)] += weigh(tap) / total;
  }
  return weights;
}

/** Resizes one axis: by a choice of positions, or by a product with a matrix of weights from the left. */
function along(call: NodeCall, x: Operand, axis: number, stretch: Stretch, rule: SpreadRule): Operand {
  const { length, size } = stretch;
  call.makeRoom(rule.mode === "nearest" ? size : size * length);
  if (rule.mode === "nearest") {
    const pick = (o: number): number => Math.min(Math.max(PIXEL[rule.rounding](coordinateOf(o, stretch, rule.coordinate)), 0), length - 1);
    const index = Int32Array.from({ length: size }, (_, o) => pick(o));
    return call.emit(`axis${axis}`, indexSelect, [x, call.own(`index${axis}`, new Tensor([size], "i32", index))], { dim: axis });
  }
  const weights = call.converted(
    `weights${axis}As`,
    call.own(`weights${axis}`, new Tensor([size, length], "f32", weightsOf(stretch, rule))),
    x.meta.dtype,
  );
  const perm = x.meta.shape.map((_, i) => i);
  const row = perm.length - 2;
  if (axis === row) return call.emit(`axis${axis}`, matmul, [weights, x], {});
  [perm[axis], perm[row]] = [row, axis];
  const turned = call.emit(`turned${axis}`, permute, [x], { perm });
  return call.emit(`axis${axis}`, permute, [call.emit(`product${axis}`, matmul, [weights, turned], {})], { perm });
}

/** Resize as one step an axis, for everything that interpolate does not compute: any rank, cubic, and the rarer coordinates. */
export function writeSpread(
  call: NodeCall,
  scales: readonly number[] | undefined,
  sizes: readonly number[] | undefined,
  rule: SpreadRule,
): void {
  const x = call.input(0);
  const { shape } = x.meta;
  const given = scales ?? sizes ?? call.fail("scales or sizes must be given, got neither");
  if (given.length !== shape.length || shape.length < 2)
    call.fail(`input must have at least 2 axes, each with a scale or size, got ${shape.length} and ${given.length}`);
  if (given.some((v) => !(v > 0) || v > 2 ** 20)) call.fail(`scales or sizes must be positive, got [${given.join(",")}]`);
  const stretches = shape.map((length, i): Stretch => {
    const scale = scales ? scales[i] : given[i] / length;
    return { length, size: scales ? Math.floor(length * scale) : given[i], scale };
  });
  let y = x;
  for (const [axis, stretch] of stretches.entries()) if (stretch.scale !== 1) y = along(call, y, axis, stretch, rule);
  call.settle(y);
}
