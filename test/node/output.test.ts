import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { checkOutput, OutputError, UsageError, writeFileAtomic, writeOutput } from "../../src/node/index.ts";

const root = mkdtempSync(join(tmpdir(), "inlierq-output-"));
afterAll(() => rmSync(root, { recursive: true }));
const files = (text: string): Map<string, string> =>
  new Map([
    ["a.txt", text],
    ["deep/b.txt", text],
  ]);
const read = (...path: string[]): string => readFileSync(join(root, ...path), "utf8");

it("makes a new folder with everything in it", () => {
  writeOutput(join(root, "new/out"), files("one"));
  expect([read("new/out/a.txt"), read("new/out/deep/b.txt")]).toEqual(["one", "one"]);
  expect(readdirSync(join(root, "new"))).toEqual(["out"]);
});

it("adds to a folder and leaves other files alone", () => {
  mkdirSync(join(root, "old"));
  writeFileSync(join(root, "old/mine.txt"), "mine");
  writeOutput(join(root, "old"), files("two"));
  expect(readdirSync(join(root, "old")).sort()).toEqual(["a.txt", "deep", "mine.txt"]);
  expect(read("old/mine.txt")).toBe("mine");
});

it("replaces files only when told to", () => {
  expect(() => writeOutput(join(root, "old"), files("three"))).toThrow(UsageError);
  expect(read("old/a.txt")).toBe("two");
  writeOutput(join(root, "old"), files("three"), true);
  expect(read("old/deep/b.txt")).toBe("three");
});

it("leaves nothing behind when a file cannot be written", () => {
  mkdirSync(join(root, "blocked/deep"), { recursive: true });
  mkdirSync(join(root, "blocked/a.txt"));
  writeFileSync(join(root, "blocked/a.txt/full"), "");
  expect(() => writeOutput(join(root, "blocked"), files("four"), true)).toThrow(OutputError);
  expect(readdirSync(join(root, "blocked")).sort()).toEqual(["a.txt", "deep"]);
});

it("says early what would go wrong", () => {
  writeFileSync(join(root, "file"), "");
  expect(() => checkOutput(join(root, "file"), [], true)).toThrow("must be a folder, got a file");
  expect(() => checkOutput(join(root, "file/below"), [], true)).toThrow("must be a folder, got a file");
  expect(() => checkOutput(join(root, "old"), ["a.txt"], false)).toThrow("--force");
  expect(() => checkOutput(join(root, "yet/to/come"), ["a.txt"], false)).not.toThrow();
  expect(existsSync(join(root, "yet"))).toBe(false);
});

it("replaces one file in one step", () => {
  writeFileAtomic(join(root, "single"), "x");
  writeFileAtomic(join(root, "single"), "y");
  expect(read("single")).toBe("y");
  expect(() => writeFileAtomic(join(root, "none/single"), "z")).toThrow(OutputError);
  expect(readdirSync(root).filter((name) => name.includes("writing"))).toEqual([]);
});
