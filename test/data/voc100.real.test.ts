import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodePicture, labelsOf, parseCoco, parseVoc, truthByImage } from "../../src/data/index.ts";
import { COCO_CLASSES } from "../../src/detect/index.ts";

const root = process.env.INLIERQ_DATA ?? "";
const folder = join(root, "voc100");
const present = root !== "" && existsSync(folder);

describe.skipIf(!present)("100 Pascal VOC photos (needs INLIERQ_DATA/voc100)", () => {
  const dataset = () => parseCoco(new Uint8Array(readFileSync(join(folder, "instances_coco.json"))), "instances_coco.json");

  it("have the same objects in XML and in COCO JSON", () => {
    const { images, annotations, categories } = dataset();
    const nameOf = new Map(categories.map((c) => [c.id, c.name]));
    const order = (a: { name: string; box: readonly number[] }, b: typeof a) => (`${a.name} ${a.box}` < `${b.name} ${b.box}` ? -1 : 1);
    for (const image of images) {
      const file = image.fileName.replace(/\.jpg$/, ".xml");
      const voc = parseVoc(readFileSync(join(folder, "annotations", file), "utf8"), file);
      expect([voc.fileName, voc.width, voc.height]).toEqual([image.fileName, image.width, image.height]);
      const coco = annotations.filter((a) => a.imageId === image.id).map((a) => ({ name: nameOf.get(a.categoryId) ?? "", box: a.box }));
      expect(coco.sort(order)).toEqual(voc.objects.map(({ name, box }) => ({ name, box })).sort(order));
    }
  });

  it("use only classes that COCO knows", () => {
    const { categories, ...rest } = dataset();
    const labels = labelsOf(categories, COCO_CLASSES);
    expect(labels.size).toBe(20);
    const counted = [...truthByImage({ categories, ...rest }, labels).values()].flat();
    expect(counted).toHaveLength(273);
  });

  it("decode to the stated sizes", () => {
    for (const name of readdirSync(join(folder, "images")).slice(0, 5)) {
      const { width, height, data } = decodePicture(new Uint8Array(readFileSync(join(folder, "images", name))), { name });
      const image = dataset().images.find((i) => i.fileName === name);
      expect([width, height]).toEqual([image?.width, image?.height]);
      expect(data).toHaveLength(width * height * 3);
    }
  });
});
