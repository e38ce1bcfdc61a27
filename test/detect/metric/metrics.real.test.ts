import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Box, type CocoStats, cocoEvaluate, vocAp } from "../../../src/detect/index.ts";

const root = process.env.INLIERQ_DATA ?? "";
const folder = join(root, "metrics-golden");
const present = root !== "" && existsSync(folder);
const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(folder, ...path), "utf8")) as T;

interface Row {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: readonly [number, number, number, number];
}

describe.skipIf(!present)("metric fixtures (needs INLIERQ_DATA/metrics-golden)", () => {
  test("the twelve COCO numbers of 100 pictures", () => {
    interface Truth {
      readonly images: readonly { readonly id: number }[];
      readonly categories: readonly { readonly id: number }[];
      readonly annotations: readonly (Row & { readonly area: number; readonly iscrowd: number })[];
    }
    const gt = json<Truth>("coco", "groundtruth.json");
    const dt = json<(Row & { readonly score: number })[]>("coco", "cocoapi_results.json");
    const labels = gt.categories.map((k) => k.id);
    const place = ({ bbox: [x, y, width, height], category_id }: Row) => ({ x, y, width, height, label: labels.indexOf(category_id) });
    const ids = gt.images.map((i) => i.id).sort((a, b) => a - b);
    const images = ids.map((id) => ({
      truths: gt.annotations.filter((a) => a.image_id === id).map((a) => ({ ...place(a), area: a.area, crowd: a.iscrowd === 1 })),
      detections: dt.filter((d) => d.image_id === id).map((d) => ({ ...place(d), score: d.score })),
    }));
    const { stats } = cocoEvaluate(images, { classes: labels.length });
    const want = json<Record<keyof CocoStats, number>>("coco", "expected.json");
    for (const name of Object.keys(stats) as (keyof CocoStats)[])
      expect(Math.abs(stats[name] - want[name]), name).toBeLessThanOrEqual(1e-6);
  });

  test("Pascal VOC AP of 7 pictures at four thresholds, both curves", () => {
    const rows = (kind: string, file: string): number[][] => {
      const path = join(folder, "voc", kind, file);
      if (!existsSync(path)) return [];
      const lines = readFileSync(path, "utf8").split("\n");
      return lines.filter((line) => line.trim() !== "").map((line) => line.trim().split(/\s+/).slice(1).map(Number));
    };
    const boxOf = ([x, y, w, h]: readonly number[]): Box => [x, y, x + w, y + h];
    const images = readdirSync(join(folder, "voc", "dets"))
      .sort()
      .map((file) => ({
        truth: rows("gts", file).map((row) => ({ box: boxOf(row), label: 0 })),
        predicted: rows("dets", file).map(([score, ...row]) => ({ box: boxOf(row), score, label: 0 })),
      }));
    const want = json<Record<"everyPoint" | "elevenPoint", Record<string, number>>>("voc", "expected.json");
    for (const curve of ["everyPoint", "elevenPoint"] as const) {
      for (const [threshold, ap] of Object.entries(want[curve])) {
        expect(vocAp(images, { classes: 1, curve, iouThreshold: Number(threshold) }).map, `${curve} ${threshold}`).toBeCloseTo(ap, 8);
      }
    }
  });
});
