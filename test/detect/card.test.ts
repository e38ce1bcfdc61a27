import { describe, expect, test } from "vitest";
import { CARD_FORMATS, type Card, COCO_CLASSES, classNames, parseCard } from "../../src/detect/index.ts";
import { ArgumentError } from "../../src/errors.ts";
import { CARD_JSON } from "./sampleCards.ts";

describe("parseCard", () => {
  test.each(CARD_FORMATS)("a %s card survives JSON", (format) => {
    const card = parseCard(CARD_JSON[format]);
    expect(parseCard(JSON.parse(JSON.stringify(card)) as unknown)).toEqual(card);
  });

  test("fills in what a format has a usual value for", () => {
    const { strides: _, ...bare } = CARD_JSON.yolox;
    expect(parseCard(bare)).toMatchObject({ strides: [8, 16, 32] });
    expect(parseCard(CARD_JSON.centernet)).toMatchObject({ heatmap: "probability", sizeUnit: "cell" });
  });

  const changed = (changes: Record<string, unknown>): unknown => ({ ...CARD_JSON.yolox, ...changes });
  const input = CARD_JSON.yolox.input;

  test.each<[string, unknown, RegExp]>([
    ["null", null, /^card.json: a detector card must be a JSON object, got null$/],
    ["a list", [], /must be a JSON object, got an array$/],
    ["no format", {}, /format must be one of centernet, dbnet, fastestdet, ultraface, yolox, yunet, got undefined/],
    ["a mistyped format", changed({ format: "yolo" }), /got "yolo" \(did you mean "yolox"\?\)/],
    ["a mistyped key", changed({ scoreTreshold: 0.1 }), /got "scoreTreshold" \(did you mean "scoreThreshold"\?\)/],
    ["a mistyped input key", changed({ input: { ...input, witdh: 3 } }), /got "input.witdh" \(did you mean "width"\?\)/],
    ["a mistyped role", changed({ outputs: { prediction: "x" } }), /got "outputs.prediction" \(did you mean "predictions"\?\)/],
    ["a missing key", changed({ classes: undefined }), /classes is not valid, got nothing \(/],
    ["no classes", changed({ classes: [] }), /classes is not valid, got \[\]/],
    ["a threshold above 1", changed({ nmsIou: 1.5 }), /nmsIou is not valid, got 1.5/],
    ["a zero deviation", changed({ input: { ...input, std: [1, 0, 1] } }), /input.std is not valid, got \[1,0,1\] \(must be > 0\)/],
    ["a later version", changed({ version: 2 }), /version is not valid, got 2/],
    ["a fractional width", changed({ input: { ...input, width: 10.5 } }), /input.width is not valid, got 10.5/],
  ])("refuses %s in one line", (_, json, message) => {
    const parse = (): Card => parseCard(json, "card.json");
    expect(parse).toThrow(ArgumentError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });
});

test("class names: COCO's 80, or numbers", () => {
  expect(COCO_CLASSES).toHaveLength(80);
  expect(new Set(COCO_CLASSES).size).toBe(80);
  expect(COCO_CLASSES[79]).toBe("toothbrush");
  expect(classNames(80)).toBe(COCO_CLASSES);
  expect(classNames(2)).toEqual(["class 0", "class 1"]);
});
