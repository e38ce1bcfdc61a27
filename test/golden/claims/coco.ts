import { type CocoScores, type CocoStats, cocoEvaluate } from "../../../src/detect/index.ts";
import { Tensor } from "../../../src/tensor/index.ts";
import { type RawTensor, readFamily, valuesOf } from "../case.ts";
import type { Claims, LoadedCase } from "../runner.ts";

interface Annotated {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: readonly [number, number, number, number];
}

interface CocoCase {
  readonly gt: {
    readonly images: readonly { readonly id: number }[];
    readonly categories: readonly { readonly id: number }[];
    readonly annotations: readonly (Annotated & { readonly area: number; readonly iscrowd: number })[];
  };
  readonly dt: readonly (Annotated & { readonly score: number })[];
  readonly stats: Readonly<Record<keyof CocoStats, number>>;
  readonly perClass: Readonly<Record<string, Readonly<Record<"AP" | "AP50" | "AP75" | "AR", number>>>>;
  readonly precision?: RawTensor;
  readonly sameDataAs?: string;
}

const vector = (values: ArrayLike<number>): Tensor => new Tensor([values.length], "f64", Float64Array.from(values));

function dataOf(c: LoadedCase): CocoCase {
  const own = c.raw as unknown as CocoCase;
  const found = own.sameDataAs === undefined ? c.raw : c.manifest.cases.find((other) => other.name === own.sameDataAs);
  return found as unknown as CocoCase;
}

function evaluate(data: CocoCase, useClasses: boolean, caps: readonly [number, number, number]): CocoScores {
  const labels = data.gt.categories.map((k) => k.id);
  const ids = data.gt.images.map((i) => i.id).sort((a, b) => a - b);
  const place = ({ bbox: [x, y, width, height], category_id }: Annotated) => ({ x, y, width, height, label: labels.indexOf(category_id) });
  const images = ids.map((id) => ({
    truths: data.gt.annotations.filter((a) => a.image_id === id).map((a) => ({ ...place(a), area: a.area, crowd: a.iscrowd === 1 })),
    detections: data.dt.filter((d) => d.image_id === id).map((d) => ({ ...place(d), score: d.score })),
  }));
  return cocoEvaluate(images, { classes: labels.length, useClasses, maxDetections: caps });
}

export const claims: Claims = {
  coco_bbox_ap(c) {
    const want = c.raw as unknown as CocoCase;
    const data = dataOf(c);
    const { useCats, maxDets } = c.attrs as { useCats: number; maxDets: [number, number, number] };
    const got = evaluate(data, useCats === 1, maxDets);
    const names = Object.keys(want.stats) as (keyof CocoStats)[];
    const labels = data.gt.categories.map((k) => String(k.id));
    const ids = Object.keys(want.perClass);
    const fields = ["AP", "AP50", "AP75", "AR"] as const;
    const outputs: Record<string, Tensor> = {
      stats: vector(names.map((n) => got.stats[n])),
      perClass: vector(ids.flatMap((id) => fields.map((f) => got.perClass[id === "-1" ? 0 : labels.indexOf(id)][f]))),
    };
    const expected: Record<string, readonly number[]> = {
      stats: names.map((n) => want.stats[n]),
      perClass: ids.flatMap((id) => fields.map((f) => want.perClass[id][f])),
    };
    if (want.precision) {
      outputs.precision = vector(got.precision);
      expected.precision = valuesOf(want.precision, readFamily(c.folder)?.bytes ?? new Uint8Array(0));
    }
    return { outputs, expected };
  },
};
