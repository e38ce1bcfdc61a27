import { describe, expect, test } from "vitest";
import { compile } from "../../src/autograd/index.ts";
import { add, tensor } from "../../src/tensor/index.ts";
import { borrowArena, returnArena } from "../../src/wasm/index.ts";

describe("memories on loan", () => {
  test("go to one caller at a time, the smallest that is large enough first", () => {
    const [small, large] = [borrowArena(3, [3]), borrowArena(5, [5])];
    expect(small).not.toBe(large);
    small.allocate(1000);
    returnArena(large);
    returnArena(small);
    expect(borrowArena(2, [2])).toBe(small);
    expect(small.allocate(1)).toBe(64);
    expect(borrowArena(4, [4])).toBe(large);
    expect(borrowArena(2, [2])).not.toBe(small);
  });

  test("come back once, however often they are returned", () => {
    const arena = borrowArena(7, [7]);
    returnArena(arena);
    returnArena(arena);
    expect(borrowArena(7, [7])).toBe(arena);
    expect(borrowArena(7, [7])).not.toBe(arena);
  });

  test("a released function records anew and gives the same values", () => {
    const double = compile((x) => add(x, x));
    const x = tensor([1, 2, 3]);
    const first = double(x);
    double.release();
    expect(double(x).data).toEqual(first.data);
    double.release();
    double.release();
  });
});
