import { describe, expect, test } from "vitest";
import { StateError } from "../../../src/errors.ts";
import { tensor } from "../../../src/tensor/index.ts";
import { floats, stage, staged } from "../../../src/tensor/kernels/staging.ts";

describe("staging", () => {
  test("a call that does not fit the arena is left to the reference", () => {
    expect(
      staged((arena) => {
        arena.allocate(arena.memory.buffer.byteLength);
        return [];
      }),
    ).toBeUndefined();
  });

  test("other errors are not taken for a full arena", () => {
    expect(() =>
      staged(() => {
        throw new StateError("kernel", "must fail, got nothing");
      }),
    ).toThrow("kernel: must fail");
  });

  test("every call starts in the empty arena", () => {
    const places: number[] = [];
    for (let i = 0; i < 2; i++) {
      staged((arena) => {
        places.push(stage(arena, Float32Array.of(1, 2, 3)));
        return [];
      });
    }
    expect(places[0]).toBe(places[1]);
  });

  test("only f32 tensors are staged", () => {
    expect(floats([tensor([1, 2]), tensor([1])])).toHaveLength(2);
    expect(floats([tensor([1, 2]), tensor([1], [1], "f64")])).toBeUndefined();
  });
});
