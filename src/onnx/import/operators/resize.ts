import { type InterpolateAttrs, interpolate } from "../../../tensor/index.ts";
import type { NodeCall, OperatorRow } from "../call.ts";
import { type SpreadRule, writeSpread } from "./spread.ts";

/** Output size and step of the two picture axes, from scales or sizes of all axes. */
function targetOf(
  call: NodeCall,
  scales: readonly number[] | undefined,
  sizes: readonly number[] | undefined,
): Pick<InterpolateAttrs, "size" | "step"> {
  const { shape } = call.input(0).meta;
  const given = scales ?? sizes ?? call.fail("scales or sizes must be given, got neither");
  if (shape.length !== 4 || given.length !== 4)
    call.fail(`input, and scales or sizes, must have 4 axes, got ${shape.length} and ${given.length}`);
  const kept = (i: number): boolean => (scales ? scales[i] === 1 : sizes?.[i] === shape[i]);
  if (!kept(0) || !kept(1)) call.fail(`batch and channels must keep their size, got ${scales ? "scales" : "sizes"} [${given.join(",")}]`);
  if (given.some((v) => !(v > 0) || v > 2 ** 20)) call.fail(`scales or sizes must be positive, got [${given.join(",")}]`);
  if (scales) return { size: [Math.floor(shape[2] * scales[2]), Math.floor(shape[3] * scales[3])], step: [1 / scales[2], 1 / scales[3]] };
  return { size: [given[2], given[3]], step: [shape[2] / given[2], shape[3] / given[3]] };
}

const MODES: Readonly<Record<string, SpreadRule["mode"]>> = { nearest: "nearest", linear: "linear", cubic: "cubic" };
const COORDINATES: readonly string[] = [
  "half_pixel",
  "pytorch_half_pixel",
  "asymmetric",
  "align_corners",
  "tf_half_pixel_for_nn",
] satisfies SpreadRule["coordinate"][];
const ROUNDINGS: readonly string[] = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] satisfies InterpolateAttrs["rounding"][];

function oneOf<T extends string>(call: NodeCall, attribute: string, fallback: T, allowed: readonly string[]): T {
  const found = call.attributes.string(attribute, fallback);
  if (!allowed.includes(found)) call.fail(`${attribute} must be one of ${allowed.join(", ")}, got ${found}`);
  return found as T;
}

const modeOf = (call: NodeCall): SpreadRule["mode"] => MODES[oneOf(call, "mode", "nearest", Object.keys(MODES))];

/** The rule of Upsample. */
const PLAIN = { coordinate: "asymmetric", rounding: "floor", cubicCoefficient: -0.75, excludeOutside: false } as const;

const cubicOf = (call: NodeCall): Pick<SpreadRule, "cubicCoefficient" | "excludeOutside"> => ({
  cubicCoefficient: call.attributes.float("cubic_coeff_a", -0.75),
  excludeOutside: call.attributes.int("exclude_outside", 0) !== 0,
});

/** Opset 10 has scales alone and the rule of Upsample; 11 adds sizes and a choice of rules. */
const resize: OperatorRow = {
  type: "Resize",
  build(call) {
    call.attributes.ignore("extrapolation_value");
    const policy = call.attributes.string("keep_aspect_ratio_policy", "stretch");
    if (policy !== "stretch") call.fail(`keep_aspect_ratio_policy must be stretch, got ${policy}`);
    if (call.attributes.int("antialias", 0) !== 0) call.fail("antialias must be 0, got 1");
    const mode = modeOf(call);
    if (call.opset === 10) return writeResize(call, call.numbers(1), undefined, { ...PLAIN, mode });
    const coordinate = oneOf<SpreadRule["coordinate"]>(call, "coordinate_transformation_mode", "half_pixel", COORDINATES);
    const rounding = oneOf<InterpolateAttrs["rounding"]>(call, "nearest_mode", "round_prefer_floor", ROUNDINGS);
    const axes = call.attributes.ints("axes");
    const [scales, sizes] = [spread(call, axes, call.numbers(2), false), spread(call, axes, call.numbers(3), true)];
    return writeResize(call, scales, sizes, { mode, coordinate, rounding, ...cubicOf(call) });
  },
};

/** Fills the axes that `axes` leaves out. */
function spread(
  call: NodeCall,
  axes: readonly number[] | undefined,
  given: readonly number[] | undefined,
  sizes: boolean,
): readonly number[] | undefined {
  if (!axes || !given) return given;
  const { shape } = call.input(0).meta;
  const full = shape.map((d) => (sizes ? d : 1));
  axes.forEach((axis, i) => {
    full[call.axis(axis, shape.length)] = given[i];
  });
  return full;
}

const upsample: OperatorRow = {
  type: "Upsample",
  build(call) {
    const scales = call.opset < 9 ? call.attributes.floats("scales") : call.numbers(1);
    writeResize(call, scales, undefined, { ...PLAIN, mode: modeOf(call) });
  },
};

function writeResize(call: NodeCall, scales: readonly number[] | undefined, sizes: readonly number[] | undefined, rule: SpreadRule): void {
  const x = call.input(0);
  const { shape } = x.meta;
  const known = KNOWN[rule.mode];
  const whole = !scales || rule.coordinate !== "align_corners" || shape.every((d, i) => Number.isInteger(d * scales[i]));
  const picture = shape.length === 4 && [0, 1].every((i) => (scales ? scales[i] === 1 : sizes?.[i] === shape[i]));
  const { coordinate, rounding } = rule;
  if (!known || !whole || !picture || coordinate === "tf_half_pixel_for_nn") writeSpread(call, scales, sizes, rule);
  else call.write(interpolate, [x], { ...targetOf(call, scales, sizes), mode: known, coordinate, rounding });
}

/** What interpolate computes. */
const KNOWN: Readonly<Record<SpreadRule["mode"], InterpolateAttrs["mode"] | undefined>> = {
  nearest: "nearest",
  linear: "bilinear",
  cubic: undefined,
};

export const resizeRows: readonly OperatorRow[] = [resize, upsample];
