import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CARD_FORMATS, parseCard } from "../../../src/detect/index.ts";
import { tensor } from "../../../src/tensor/index.ts";
import { runs } from "../../runs.ts";
import { CARD_JSON, cardOf } from "../sampleCards.ts";
import { headsOf } from "./drawnHeads.ts";
import { fixed } from "./scene.ts";

describe.each(CARD_FORMATS)("the law of decoding: %s", (format) => {
  const seeds = fc.integer({ min: 0, max: 2 ** 30 });

  test("boxes are finite and the right way round, best first, within the card's limits", () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(0, 0.2), fc.double({ min: 0, max: 1, noNaN: true }), (seed, wild, scoreThreshold) => {
        const card = cardOf(format, { scoreThreshold, maxDetections: 5 });
        const pictures = fixed({}, card).decode(headsOf(format, seed, wild));
        expect(pictures).toHaveLength(2);
        for (const found of pictures) {
          expect(found.length).toBeLessThanOrEqual(5);
          found.forEach(({ box, score, label }, i) => {
            expect(box.every(Number.isFinite)).toBe(true);
            expect(box[0] <= box[2] && box[1] <= box[3]).toBe(true);
            expect(score >= scoreThreshold && score <= 1).toBe(true);
            expect(score).toBeLessThanOrEqual(found[i - 1]?.score ?? 1);
            expect(card.classes[label]).toBeDefined();
          });
        }
      }),
      { numRuns: runs(20) },
    );
  });

  test("log H has one row a class, is never positive, and each picture is decoded on its own", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const card = cardOf(format);
        const heads = headsOf(format, seed, 0);
        const logs = fixed({}, card).logScores(heads);
        expect(logs.shape.slice(0, 2)).toEqual([2, card.classes.length]);
        expect(logs.data.every((v: number) => v <= 0 && Number.isFinite(v))).toBe(true);
        const second = Object.fromEntries(
          Object.entries(heads).map(([k, x]) => [k, tensor(x.data.slice(x.size / 2) as Float32Array, [1, ...x.shape.slice(1)])]),
        );
        expect(fixed({}, card).decode(second)[0]).toEqual(fixed({}, card).decode(heads)[1]);
      }),
      { numRuns: runs(10) },
    );
  });

  test("maps have as many cells as log H has positions, where it says how they lie", () => {
    const detector = fixed({}, cardOf(format));
    const heads = headsOf(format, 3, 0);
    const cells = detector.maps?.(heads).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
    expect(cells).toBe(format === "ultraface" ? undefined : detector.logScores(heads).shape[2]);
  });

  test("an output the network lacks is named in one line, with what there is", () => {
    const [gone, ...rest] = Object.entries(headsOf(format, 1, 0));
    const decode = (): unknown => fixed({}, cardOf(format)).decode(Object.fromEntries([...rest, ["other", gone[1]]]));
    expect(decode).toThrow(new RegExp(`^detector: outputs of the network must include the card's "${gone[0]}", got .*other`));
    expect(decode).not.toThrow(/\n/);
  });

  test.each(Object.keys(CARD_JSON[format].outputs))("a card whose output %s is no name is refused in one line", (role) => {
    const parse = (): unknown => parseCard({ ...CARD_JSON[format], outputs: { ...CARD_JSON[format].outputs, [role]: 3 } });
    expect(parse).toThrow(new RegExp(`^card: outputs.${role} is not valid, got 3 \\(`));
    expect(parse).not.toThrow(/\n/);
  });
});
