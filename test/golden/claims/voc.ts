import { type Box, vocEvaluate } from "../../../src/detect/index.ts";
import { Tensor } from "../../../src/tensor/index.ts";
import type { Claims } from "../runner.ts";

interface Curve {
  readonly ap: Readonly<Record<string, number>>;
  readonly mAP: number;
}

interface VocCase {
  /** image, class, x1, y1, x2, y2. */
  readonly gt: readonly (readonly number[])[];
  /** image, class, x1, y1, x2, y2, score. */
  readonly dt: readonly (readonly number[])[];
  readonly expected: {
    readonly everyPoint: Curve;
    readonly elevenPoint: Curve;
    readonly counts: Readonly<Record<string, { readonly positives: number; readonly tp: number; readonly fp: number }>>;
  };
}

const vector = (values: readonly number[]): Tensor => new Tensor([values.length], "f64", Float64Array.from(values));
const boxOf = (row: readonly number[]): Box => [row[2], row[3], row[4], row[5]];

export const claims: Claims = {
  voc_ap(c) {
    const { gt, dt, expected: want } = c.raw as unknown as VocCase;
    const images = 1 + Math.max(...[...gt, ...dt].map((row) => row[0]));
    const classes = 1 + Math.max(...gt.map((row) => row[1]));
    const truths = Array.from({ length: images }, (_, i) =>
      gt.filter((row) => row[0] === i).map((row) => ({ box: boxOf(row), label: row[1] })),
    );
    const found = dt.map((row) => ({ image: row[0], label: row[1], box: boxOf(row), score: row[6] }));
    const { iouThreshold } = c.attrs as { iouThreshold: number };
    const outputs: Record<string, Tensor> = {};
    const expected: Record<string, readonly number[]> = {};
    for (const curve of ["everyPoint", "elevenPoint"] as const) {
      const got = vocEvaluate(found, truths, { classes, iouThreshold, curve });
      outputs[curve] = vector([got.map, ...got.perClass.map((k) => k.ap)]);
      expected[curve] = [want[curve].mAP, ...got.perClass.map((_, k) => want[curve].ap[k])];
      outputs.counts = vector(got.perClass.flatMap((k) => [k.positives, k.hits, k.misses]));
    }
    expected.counts = Object.values(want.counts).flatMap((k) => [k.positives, k.tp, k.fp]);
    return { outputs, expected };
  },
};
