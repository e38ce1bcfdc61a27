import type { Box, GroundTruth } from "../detect/index.ts";
import { ArgumentError } from "../errors.ts";
import { shownValue } from "../shown.ts";
import { jsonProblem } from "./jsonProblem.ts";

/** One picture of a COCO dataset. `fileName` is a relative path that stays inside the picture folder. */
export interface CocoImage {
  /** The number annotations refer to. */
  readonly id: number;
  readonly fileName: string;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/** A class of a COCO dataset. */
export interface CocoCategory {
  /** The number annotations refer to; numbers may have gaps. */
  readonly id: number;
  /** For people, as "person". */
  readonly name: string;
}

/** One annotated object; the box is x1, y1, x2, y2 in pixels. */
export interface CocoAnnotation {
  /** The `id` of its picture. */
  readonly imageId: number;
  /** The `id` of its category. */
  readonly categoryId: number;
  readonly box: Box;
  /** Area of the object, not of its box, in square pixels: what small, medium and large are told by. */
  readonly area: number;
  /** Whether it stands for a group (`iscrowd`), which detections may match any number of times. */
  readonly crowd: boolean;
  /** The `ignore` mark that datasets converted from Pascal VOC carry for difficult objects. */
  readonly ignored: boolean;
}

/** A COCO annotation file. Images in the order of the file, categories by id. */
export interface CocoDataset {
  /** The pictures, in the order of the file. */
  readonly images: readonly CocoImage[];
  readonly categories: readonly CocoCategory[];
  /** The objects, in the order of the file. */
  readonly annotations: readonly CocoAnnotation[];
}

type Fail = (problem: string) => ArgumentError;
type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a COCO annotation file (instances), UTF-8 with or without a byte-order mark.
 *
 * Errors: ArgumentError naming `name` and the first fault: not JSON, a missing list, an unknown image or category, a
 * box that is not four finite numbers with sides >= 0, a repeated id, a file name that leaves the picture folder.
 */
export function parseCoco(bytes: Uint8Array, name = "annotations"): CocoDataset {
  const fail: Fail = (problem) => new ArgumentError("parseCoco", `${name} ${problem}`);
  const root = parseJson(bytes, fail);
  if (typeof root !== "object" || root === null || Array.isArray(root)) {
    throw fail(`must be a JSON object with images, categories and annotations, got ${Array.isArray(root) ? "an array" : String(root)}`);
  }
  const images = listOf(root as Fields, "images", fail).map((item, i) => imageFrom(item, i, fail));
  const categories = listOf(root as Fields, "categories", fail).map((item, i) => categoryFrom(item, i, fail));
  const imageIds = distinctIds(images, "image", fail);
  const categoryIds = distinctIds(categories, "category", fail);
  const annotations = listOf(root as Fields, "annotations", fail).map((item, i) => annotationFrom(item, i, imageIds, categoryIds, fail));
  return { images, categories: categories.sort((a, b) => a.id - b.id), annotations };
}

function parseJson(bytes: Uint8Array, fail: Fail): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail("must be UTF-8 text, got other bytes");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fail(`must be JSON, got a syntax error (${jsonProblem(error, text)})`);
  }
}

function listOf(root: Fields, key: string, fail: Fail): readonly unknown[] {
  const list = Object.hasOwn(root, key) ? root[key] : undefined;
  if (!Array.isArray(list)) throw fail(`must have a list "${key}", got ${list === undefined ? "none" : shownValue(list)}`);
  return list;
}

const fieldsOf = (item: unknown): Fields => (typeof item === "object" && item !== null ? (item as Fields) : {});

function idOf(fields: Fields, key: string, where: string, fail: Fail): number {
  const id = fields[key];
  if (!Number.isSafeInteger(id)) throw fail(`${where} must have a whole number as ${key}, got ${shownValue(id)}`);
  return id as number;
}

function imageFrom(item: unknown, i: number, fail: Fail): CocoImage {
  const fields = fieldsOf(item);
  const where = `images[${i}]`;
  const id = idOf(fields, "id", where, fail);
  const { file_name: fileName, width, height } = fields;
  if (typeof fileName !== "string" || !staysInside(fileName)) {
    throw fail(`${where} must have a file_name inside the picture folder, got ${shownValue(fileName)}`);
  }
  const isSide = (v: unknown): v is number => typeof v === "number" && Number.isFinite(v) && v > 0;
  if (!isSide(width) || !isSide(height)) {
    throw fail(`${where} must have width and height > 0, got ${shownValue(width)} and ${shownValue(height)}`);
  }
  return { id, fileName, width, height };
}

/** True for a relative path without a parent step, a drive, a NUL or a leading slash. */
function staysInside(path: string): boolean {
  const steps = path.split(/[/\\]/);
  return path !== "" && !path.includes("\0") && steps[0] !== "" && !/^[a-zA-Z]:/.test(path) && !steps.includes("..");
}

function categoryFrom(item: unknown, i: number, fail: Fail): CocoCategory {
  const fields = fieldsOf(item);
  const { name } = fields;
  if (typeof name !== "string" || name === "") throw fail(`categories[${i}] must have a name, got ${shownValue(name)}`);
  return { id: idOf(fields, "id", `categories[${i}]`, fail), name };
}

function distinctIds(items: readonly { readonly id: number }[], what: string, fail: Fail): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const { id } of items) {
    if (ids.has(id)) throw fail(`must give every ${what} its own id, got ${id} twice`);
    ids.add(id);
  }
  return ids;
}

function annotationFrom(
  item: unknown,
  i: number,
  images: ReadonlySet<number>,
  categories: ReadonlySet<number>,
  fail: Fail,
): CocoAnnotation {
  const fields = fieldsOf(item);
  const where = `annotations[${i}]`;
  const imageId = idOf(fields, "image_id", where, fail);
  const categoryId = idOf(fields, "category_id", where, fail);
  if (!images.has(imageId)) throw fail(`${where} must refer to a listed image, got image_id ${imageId}`);
  if (!categories.has(categoryId)) throw fail(`${where} must refer to a listed category, got category_id ${categoryId}`);
  const box = boxFrom(fields.bbox, where, fail);
  const { area, iscrowd, ignore } = fields;
  return {
    imageId,
    categoryId,
    box,
    area: typeof area === "number" && Number.isFinite(area) && area >= 0 ? area : (box[2] - box[0]) * (box[3] - box[1]),
    crowd: iscrowd === 1 || iscrowd === true,
    ignored: ignore === 1 || ignore === true,
  };
}

function boxFrom(bbox: unknown, where: string, fail: Fail): Box {
  const isBox = Array.isArray(bbox) && bbox.length === 4 && bbox.every((v) => Number.isFinite(v)) && bbox[2] >= 0 && bbox[3] >= 0;
  if (!isBox) throw fail(`${where} must have a bbox of x, y, width >= 0, height >= 0, got ${shownValue(bbox)}`);
  const [x, y, width, height] = bbox as [number, number, number, number];
  return [x, y, x + width, y + height];
}

/** Pascal VOC's spelling of classes that COCO names otherwise. */
const VOC_SPELLINGS: ReadonlyMap<string, string> = new Map([
  ["aeroplane", "airplane"],
  ["diningtable", "dining table"],
  ["motorbike", "motorcycle"],
  ["pottedplant", "potted plant"],
  ["sofa", "couch"],
  ["tvmonitor", "tv"],
]);

const simplified = (name: string): string => name.toLowerCase().replace(/[\s_-]/g, "");

/**
 * The detector's label for every category id: same name (case, spaces and dashes aside), or Pascal VOC's spelling of a
 * COCO name. Categories the detector does not know are absent.
 */
export function labelsOf(categories: readonly CocoCategory[], classes: readonly string[]): Map<number, number> {
  const byName = new Map(classes.map((name, label) => [simplified(name), label]));
  const labels = new Map<number, number>();
  for (const { id, name } of categories) {
    const label = byName.get(simplified(name)) ?? byName.get(simplified(VOC_SPELLINGS.get(simplified(name)) ?? name));
    if (label !== undefined) labels.set(id, label);
  }
  return labels;
}

/** Annotated objects of every image, by image id, with the detector's labels; categories without a label are left out. */
export function truthByImage(dataset: CocoDataset, labels: ReadonlyMap<number, number>): Map<number, GroundTruth[]> {
  const truth = new Map<number, GroundTruth[]>(dataset.images.map(({ id }) => [id, []]));
  for (const { imageId, categoryId, box, area, crowd, ignored } of dataset.annotations) {
    const label = labels.get(categoryId);
    if (label === undefined) continue;
    truth.get(imageId)?.push({ box, label, area, ...(crowd && { crowd }), ...(ignored && { difficult: true }) });
  }
  return truth;
}

/** One detection of a COCO results file; the box is x1, y1, x2, y2 in pixels. */
export interface CocoResult {
  /** The `id` of its picture. */
  readonly imageId: number;
  /** The `id` of its category. */
  readonly categoryId: number;
  readonly box: Box;
  /** Confidence, higher is surer. */
  readonly score: number;
}

/** Reads a COCO results file: a list of image_id, category_id, bbox, score. Errors: ArgumentError naming the first fault. */
export function parseCocoResults(bytes: Uint8Array, name = "results"): CocoResult[] {
  const fail: Fail = (problem) => new ArgumentError("parseCocoResults", `${name} ${problem}`);
  const root = parseJson(bytes, fail);
  if (!Array.isArray(root)) throw fail(`must be a JSON list of detections, got ${typeof root}`);
  return root.map((item: unknown, i) => {
    const fields = fieldsOf(item);
    const where = `[${i}]`;
    const { score } = fields;
    if (typeof score !== "number" || !Number.isFinite(score)) throw fail(`${where} must have a finite score, got ${shownValue(score)}`);
    return {
      imageId: idOf(fields, "image_id", where, fail),
      categoryId: idOf(fields, "category_id", where, fail),
      box: boxFrom(fields.bbox, where, fail),
      score,
    };
  });
}

/** The text of a COCO results file, in the given order; `parseCocoResults` reads it back. */
export function formatCocoResults(results: readonly CocoResult[]): string {
  const lines = results.map(({ imageId, categoryId, box: [x1, y1, x2, y2], score }) =>
    JSON.stringify({ image_id: imageId, category_id: categoryId, bbox: [x1, y1, x2 - x1, y2 - y1], score }),
  );
  return `[${lines.join(",\n")}]\n`;
}
