import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { encodePng, scene } from "../../src/data/index.ts";
import type { PictureSample } from "../../src/job/index.ts";
import { annotatedPictures, choosePictures, listPictures, readAnnotations } from "../../src/node/index.ts";

const root = mkdtempSync(join(tmpdir(), "inlierq-pictures-"));
afterAll(() => rmSync(root, { recursive: true }));
const png = encodePng(scene("pictures", 0, { width: 48, height: 48 }).picture);
for (const name of ["b.PNG", "a.png", "Z.png", ".hidden.png", "notes.txt"]) writeFileSync(join(root, name), png);

it("lists pictures by name, without hidden and other files", () => {
  expect(listPictures(root).map((f) => f.name)).toEqual(["Z.png", "a.png", "b.PNG"]);
});

it("chooses by seed, keeps the order and never repeats", () => {
  const files = Array.from({ length: 50 }, (_, i) => ({ name: `${i}`, path: `${i}` }));
  const chosen = choosePictures(files, 10, 3);
  expect(choosePictures(files, 10, 3)).toEqual(chosen);
  expect(choosePictures(files, 10, 4)).not.toEqual(chosen);
  const positions = chosen.map((f) => files.indexOf(f));
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  expect(choosePictures(files, 64, 3)).toEqual(files);
});

it("joins pictures with their annotations in the order of the file", async () => {
  const images = ["a.png", "Z.png"].map((file_name, id) => ({ id, file_name, width: 48, height: 48 }));
  const annotations = [{ id: 1, image_id: 1, category_id: 7, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 }];
  const path = join(root, "coco.json");
  writeFileSync(path, JSON.stringify({ images, annotations, categories: [{ id: 7, name: "cat" }] }));
  const samples: PictureSample[] = [];
  for await (const sample of annotatedPictures(root, readAnnotations(path), ["dog", "cat"])) samples.push(sample);
  expect(samples.map((s) => s.name)).toEqual(["a.png", "Z.png"]);
  expect(samples[0].truth).toEqual([]);
  expect(samples[1].truth).toMatchObject([{ box: [1, 2, 4, 6], label: 1 }]);
  expect(() => annotatedPictures(root, readAnnotations(path), ["dog"])).toThrow(
    "at least one category must be a class of the detector, got cat",
  );
});
