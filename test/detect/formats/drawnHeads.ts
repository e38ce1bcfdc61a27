import type { Card, Heads } from "../../../src/detect/index.ts";
import { Rng, type Tensor, tensor } from "../../../src/tensor/index.ts";

/** The shape of an output, and whether its values, or the one of an index, are probabilities. */
type Output = readonly [shape: number[], probability?: boolean | ((index: number) => boolean)];

/** Outputs of two pictures for each sample card: input 64 x 32, two classes. */
const OUTPUTS: Readonly<Record<Card["format"], Readonly<Record<string, Output>>>> = {
  yolox: { out: [[2, 10, 7], (i) => i % 7 >= 4] },
  fastestdet: { out: [[2, 7, 2, 4], (i) => (Math.floor(i / 8) + 6) % 7 >= 4] },
  centernet: { heat: [[2, 2, 8, 16], true], wh: [[2, 2, 8, 16]], reg: [[2, 2, 8, 16]] },
  yunet: Object.fromEntries(
    [8, 16, 32].flatMap((s) => {
      const cells = (64 / s) * (32 / s);
      return [
        [`cls_${s}`, [[2, cells, 2], true]],
        [`obj_${s}`, [[2, cells, 1], true]],
        [`box_${s}`, [[2, cells, 4]]],
      ];
    }),
  ),
  ultraface: { scores: [[2, 18, 3], true], boxes: [[2, 18, 4]] },
  dbnet: { heat: [[2, 1, 16, 32], true] },
};

/** Values an untrained or badly quantized network may give: some far out, some that are no numbers. */
function value(rng: Rng, probability: boolean, wild: number): number {
  const u = rng.float();
  if (probability) return u;
  if (rng.float() < wild) return [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e30, -1e30][rng.int(0, 4)];
  return 20 * u - 10;
}

/** Outputs of two pictures for the sample card of a format; a share `wild` of what is no probability is far out. */
export function headsOf(format: Card["format"], seed: number, wild: number, dtype: "f32" | "f64" = "f32"): Heads {
  const rng = new Rng(seed);
  const drawn = ([shape, probability = false]: Output): Tensor => {
    const probable = typeof probability === "boolean" ? () => probability : probability;
    const length = shape.reduce((a, b) => a * b, 1);
    return tensor(
      Float32Array.from({ length }, (_, i) => value(rng, probable(i), wild)),
      shape,
      dtype,
    );
  };
  return Object.fromEntries(Object.entries(OUTPUTS[format]).map(([name, spec]) => [name, drawn(spec)]));
}
