import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const folder = join(import.meta.dirname, "../examples");
const examples = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name));

/** What each example returned when it was written. */
const stored = JSON.parse(readFileSync(join(import.meta.dirname, "examples.expected.json"), "utf8")) as Record<string, unknown>;

/** Numbers may differ in the fourth digit: kernels sum in another order than the reference. */
function expectSame(got: unknown, want: unknown, where: string): void {
  if (typeof want === "number" && typeof got === "number") {
    expect(Math.abs(got - want), `${where}: ${got} against ${want}`).toBeLessThanOrEqual(1e-4 + 1e-3 * Math.abs(want));
  } else if (typeof want === "object" && want !== null) {
    expect(Object.keys(got as object), where).toEqual(Object.keys(want));
    for (const [key, value] of Object.entries(want)) expectSame((got as Record<string, unknown>)[key], value, `${where}.${key}`);
  } else expect(got, where).toBe(want);
}

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

describe("examples", () => {
  it("all have a stored output", () => expect(Object.keys(stored).sort()).toEqual([...examples].sort()));

  it.each(examples)("%s prints and returns what it did", async (name) => {
    const { run } = (await import(join(folder, name))) as { run: () => unknown };
    const result = await run();
    expect(console.log).toHaveBeenCalled();
    expectSame(result, stored[name], name);
  });

  it.each(examples)("%s is at most 60 lines", (name) => {
    expect(readFileSync(join(folder, name), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(60);
  });
});
