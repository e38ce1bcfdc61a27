import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { table } from "../../src/report/markdown.ts";

const text = fc.string({ minLength: 0, maxLength: 6, unit: fc.constantFrom("a", "|", "\n", " ", "é") });

describe("table", () => {
  it("has as many cells in every line as the head, whatever they hold", () =>
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 5 })
          .chain((width) =>
            fc.tuple(
              fc.array(text, { minLength: width, maxLength: width }),
              fc.array(fc.array(text, { minLength: width, maxLength: width })),
            ),
          ),
        ([head, rows]) => {
          const lines = table(head, rows).split("\n");
          expect(lines).toHaveLength(rows.length + 2);
          for (const line of lines) expect(line.replaceAll("\\|", "").match(/\|/g)).toHaveLength(head.length + 1);
        },
      ),
    ));

  it("refuses a row of another length", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 3 }), (width, odd, before) => {
        fc.pre(odd !== width);
        const row = (length: number): string[] => new Array<string>(length).fill("x");
        const rows = [...new Array<string[]>(before).fill(row(width)), row(odd)];
        expect(() => table(row(width), rows)).toThrow(`table: every row must have ${width} cells, got ${odd} (row ${before} under "x`);
      }),
    ));
});
