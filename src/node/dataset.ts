import { join } from "node:path";
import { type CocoDataset, decodePicture, labelsOf, parseCoco, truthByImage } from "../data/index.ts";
import { ArgumentError } from "../errors.ts";
import type { Sample } from "../job/index.ts";
import { readBytes } from "./pictures.ts";

/** Reads a COCO annotation file. Errors: UsageError for a path that cannot be read, ArgumentError for bad contents. */
export function readAnnotations(path: string): CocoDataset {
  return parseCoco(readBytes(path, "readAnnotations"), path);
}

/**
 * The annotated pictures of a dataset with the labels of `classes`, in the order of the annotation file, decoded one
 * at a time.
 *
 * Errors: ArgumentError when no category is a class of the detector, or when the dataset lists no picture.
 */
export function annotatedPictures(folder: string, dataset: CocoDataset, classes: readonly string[]): Iterable<Sample> {
  const labels = labelsOf(dataset.categories, classes);
  if (labels.size === 0) {
    const names = dataset.categories.map((c) => c.name).slice(0, 5);
    throw new ArgumentError(
      "annotatedPictures",
      `at least one category must be a class of the detector, got ${names.join(", ") || "no category"}`,
    );
  }
  if (dataset.images.length === 0) throw new ArgumentError("annotatedPictures", "the annotation file must list at least 1 picture, got 0");
  const truth = truthByImage(dataset, labels);
  return {
    *[Symbol.iterator]() {
      for (const { id, fileName } of dataset.images) {
        const path = join(folder, fileName);
        yield { name: fileName, picture: decodePicture(readBytes(path, "annotatedPictures"), { name: path }), truth: truth.get(id) ?? [] };
      }
    },
  };
}
