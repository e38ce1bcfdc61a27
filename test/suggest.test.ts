import fc from "fast-check";
import { expect, test } from "vitest";
import { didYouMean, editDistance, nearest } from "../src/suggest.ts";

test("edit distance is a metric", () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
    }),
  );
  expect(editDistance("kitten", "sitting")).toBe(3);
});

test("suggests the nearest word, or lists them when none is near", () => {
  expect(nearest("sampels", ["scheme", "samples", "seed"])).toBe("samples");
  expect(nearest("zzzzzz", ["scheme", "samples"])).toBeUndefined();
  expect(didYouMean("sheme", ["scheme", "seed"])).toBe('did you mean "scheme"?');
  expect(didYouMean("zzzzzz", ["scheme", "seed"])).toBe("one of scheme, seed");
});
