import { join } from "node:path";
import { type CocoDataset, labelsOf, parseCoco, truthByImage } from "../data/index.ts";
import type { GroundTruth } from "../detect/index.ts";
import { ArgumentError } from "../errors.ts";
import type { PictureSample } from "../job/index.ts";
import { readBytes } from "./pictures.ts";
import { type ReadOptions, readPictures } from "./readPictures.ts";

/** Reads a COCO annotation file. Errors: UsageError for a path that cannot be read, ArgumentError for bad contents. */
export function readAnnotations(path: string): CocoDataset {
  return parseCoco(readBytes(path, "readAnnotations"), path);
}

/**
 * Annotated boxes by file name, with the labels of `classes`; a picture without boxes has an empty list.
 *
 * Errors: ArgumentError when no category is a class of the detector.
 */
export function truthByName(dataset: CocoDataset, classes: readonly string[]): Map<string, readonly GroundTruth[]> {
  const labels = labelsOf(dataset.categories, classes);
  if (labels.size === 0) {
    const names = dataset.categories.map((c) => c.name).slice(0, 5);
    throw new ArgumentError(
      "truthByName",
      `at least one category must be a class of the detector, got ${names.join(", ") || "no category"}`,
    );
  }
  const truth = truthByImage(dataset, labels);
  return new Map(dataset.images.map(({ id, fileName }) => [fileName, truth.get(id) ?? []]));
}

/**
 * The annotated pictures of a dataset with the labels of `classes`, in the order of the annotation file, decoded as they
 * are asked for on so many threads.
 *
 * Errors: ArgumentError when no category is a class of the detector, or when the dataset lists no picture.
 */
export function annotatedPictures(
  folder: string,
  dataset: CocoDataset,
  classes: readonly string[],
  options: ReadOptions = {},
): AsyncIterable<PictureSample> {
  if (dataset.images.length === 0) throw new ArgumentError("annotatedPictures", "the annotation file must list at least 1 picture, got 0");
  const truth = truthByName(dataset, classes);
  const files = dataset.images.map(({ fileName }) => ({ name: fileName, path: join(folder, fileName) }));
  return {
    async *[Symbol.asyncIterator]() {
      const samples = readPictures(files, { where: "annotatedPictures", ...options });
      for await (const sample of samples) yield { ...sample, truth: truth.get(sample.name) ?? [] };
    },
  };
}
