import { expect, test } from "vitest";
import { countOf, flagsAndWordsOf, flagsOf, withWords } from "../../bench/flags.ts";

const OPTIONS = { rounds: { type: "string", default: "5" }, node: { type: "string" } } as const;

test("flags have their defaults, and words stand between them", () => {
  expect(flagsAndWordsOf("bench", ["sgemm", "--rounds", "3", "conv"], OPTIONS)).toMatchObject({
    values: { rounds: "3" },
    words: ["sgemm", "conv"],
  });
  expect(flagsOf("bench:job", [], OPTIONS).rounds).toBe("5");
});

test("an unknown flag, a stray word and a count that is none are refused in one line", () => {
  const refusals = [
    () => flagsOf("bench:job", ["--what"], OPTIONS),
    () => flagsOf("bench:job", ["yolox"], OPTIONS),
    () => countOf("bench", "rounds", "0"),
    () => countOf("bench", "rounds", "2.5"),
    () => withWords("bench", ["sgemm 64"], ["nothing"], (name) => name),
  ];
  for (const refusal of refusals) expect(refusal).toThrow(/^bench[^\n]*, got[^\n]*$/);
});
