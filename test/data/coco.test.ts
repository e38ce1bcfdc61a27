import { describe, expect, it } from "vitest";
import { type CocoResult, formatCocoResults, labelsOf, parseCoco, parseCocoResults, parseVoc, truthByImage } from "../../src/data/index.ts";

const bytes = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

const small = {
  images: [
    { id: 7, file_name: "a/b.jpg", width: 100, height: 50 },
    { id: 3, file_name: "c.jpg", width: 10, height: 10 },
  ],
  categories: [
    { id: 9, name: "tvmonitor" },
    { id: 2, name: "Dog" },
    { id: 5, name: "unicorn" },
  ],
  annotations: [
    { id: 1, image_id: 7, category_id: 9, bbox: [1, 2, 3, 4], iscrowd: 1 },
    { id: 2, image_id: 7, category_id: 2, bbox: [0, 0, 5, 5], area: 12, ignore: 1 },
    { id: 3, image_id: 7, category_id: 5, bbox: [0, 0, 5, 5] },
  ],
};

describe("parseCoco", () => {
  it("reads images, categories and boxes", () => {
    const dataset = parseCoco(bytes(small));
    expect(dataset.images.map((i) => i.fileName)).toEqual(["a/b.jpg", "c.jpg"]);
    expect(dataset.categories.map((c) => c.id)).toEqual([2, 5, 9]);
    expect(dataset.annotations[0]).toEqual({ imageId: 7, categoryId: 9, box: [1, 2, 4, 6], area: 12, crowd: true, ignored: false });
  });

  it("gives the detector's labels by name, also in Pascal VOC's spelling", () => {
    const dataset = parseCoco(bytes(small));
    const labels = labelsOf(dataset.categories, ["dog", "tv"]);
    expect(labels).toEqual(
      new Map([
        [2, 0],
        [9, 1],
      ]),
    );
    const truth = truthByImage(dataset, labels);
    expect(truth.get(3)).toEqual([]);
    expect(truth.get(7)).toEqual([
      { box: [1, 2, 4, 6], label: 1, area: 12, crowd: true },
      { box: [0, 0, 5, 5], label: 0, area: 12, difficult: true },
    ]);
  });

  it("says where the text breaks off", () => {
    const text = JSON.stringify(small);
    // Newer runtimes add line and column behind the position.
    expect(() => parseCoco(bytes(text.slice(0, 90)), "a.json")).toThrow(
      /^parseCoco: a\.json must be JSON, got a syntax error \(.*position 90\b.*\)$/,
    );
  });
});

describe("COCO results", () => {
  it("are read back as written", () => {
    const results: CocoResult[] = [
      { imageId: 1, categoryId: 2, box: [1, 2, 4, 8], score: 0.25 },
      { imageId: 2, categoryId: 1, box: [0, 0, 0, 0], score: 1 },
    ];
    expect(parseCocoResults(bytes(formatCocoResults(results)))).toEqual(results);
    expect(parseCocoResults(bytes(formatCocoResults([])))).toEqual([]);
  });

  it("need finite scores", () => {
    expect(() => parseCocoResults(bytes([{ image_id: 1, category_id: 1, bbox: [0, 0, 1, 1] }]))).toThrow(
      "parseCocoResults: results [0] must have a finite score, got undefined",
    );
  });
});

describe("parseVoc", () => {
  const xml = `<?xml version="1.0"?>
    <!-- a comment --><annotation verified="yes"><filename>a &amp; b.jpg</filename><source/>
    <size><width>500</width><height>375</height><depth>3</depth></size>
    <object><name>chair</name><difficult>1</difficult><bndbox><xmin>203</xmin><ymin>174</ymin><xmax>254.5</xmax><ymax>273</ymax></bndbox>
      <part><name>leg</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>
    </annotation>`;

  it("reads the objects and leaves their parts alone", () => {
    expect(parseVoc(xml)).toEqual({
      fileName: "a & b.jpg",
      width: 500,
      height: 375,
      objects: [{ name: "chair", box: [203, 174, 254.5, 273], difficult: true }],
    });
  });

  it("refuses every truncation and names the file", () => {
    for (let length = 0; length < xml.trimEnd().length; length += 7) {
      expect(() => parseVoc(xml.slice(0, length), "x.xml")).toThrow(/^parseVoc: x\.xml must .*, got /);
    }
  });

  it("refuses corners that are no numbers or out of order", () => {
    expect(() => parseVoc(xml.replace("203", "left"))).toThrow('must have a number in <xmin> of object 1, got "left"');
    expect(() => parseVoc(xml.replace("203", "300"))).toThrow("must have xmin <= xmax");
  });
});
