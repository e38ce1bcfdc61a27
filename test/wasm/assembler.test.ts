import { describe, expect, test } from "vitest";
import { signed, unsigned } from "../../src/wasm/encode.ts";
import { Arena, ArenaFull, assemble, FunctionBuilder, f32x4, i32, instantiate, lane, load, op, shuffle } from "../../src/wasm/index.ts";

const arena = new Arena([64]);

describe("LEB128", () => {
  test.each([
    [0, [0]],
    [127, [127]],
    [128, [0x80, 1]],
    [624485, [0xe5, 0x8e, 0x26]],
    [0xffffffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])("unsigned %i", (value, bytes) => expect(unsigned(value)).toEqual(bytes));

  test.each([
    [-1, [0x7f]],
    [63, [63]],
    [64, [0xc0, 0]],
    [-64, [0x40]],
    [-123456, [0xc0, 0xbb, 0x78]],
    [-(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x78]],
  ])("signed %i", (value, bytes) => expect(signed(value)).toEqual(bytes));
});

describe("assembled functions", () => {
  test("count, branch and store", () => {
    const sum = new FunctionBuilder("sum", ["i32", "i32"]);
    const [result, end] = sum.pointers;
    const i = sum.local("i32");
    const total = sum.let(i32(0));
    sum.block((done) => {
      sum.for(i, end!, 1, () => {
        sum.breakIf(done, op("i32.ge_s", total, i32(1000)));
        sum.if(
          op("i32.and", i, i32(1)),
          () => sum.bump(total, i),
          () => sum.bump(total, op("i32.mul", i, i32(-1))),
        );
      });
    });
    sum.store("i32.store", result!, total);
    const { sum: run } = instantiate("sum", () => [sum], arena);
    const at = arena.allocate(4);
    for (const [n, expected] of [
      [0, 0],
      [1, 0],
      [10, 5],
    ] as const) {
      run!(at, n);
      expect(arena.i32[at >> 2]).toBe(expected);
    }
  });

  test("vectors load, shuffle and split into lanes", () => {
    const f = new FunctionBuilder("mix", ["i32"]);
    const [p] = f.pointers;
    const v = f.let(op("f32x4.add", load("v128.load", p!), f32x4(0.5)));
    f.store("v128.store", p!, shuffle(v, load("v128.load", p!), [3, 0, 4, 7]), 16);
    f.store("f32.store", p!, lane(v, 2), 32);
    const { mix } = instantiate("mix", () => [f], arena);
    const at = arena.allocate(48);
    arena.write(at, Float32Array.of(1, 2, 3, 4));
    mix!(at);
    expect([...arena.read(at + 16, 5)]).toEqual([4.5, 1.5, 1, 4, 3.5]);
  });

  test("functions call each other, copy and clear memory", () => {
    const clear = new FunctionBuilder("clear", ["i32"]);
    clear.zero(clear.pointers[0]!, i32(8));
    const move = new FunctionBuilder("move", ["i32", "i32"]);
    const [to, from] = move.pointers;
    move.copy(to!, from!, i32(8));
    move.call(0, from!);
    const entries = instantiate("move", () => [clear, move], arena);
    const at = arena.allocate(16);
    arena.write(at, Float32Array.of(1, 2, 3, 4));
    entries.move!(at + 8, at);
    expect([...arena.read(at, 4)]).toEqual([0, 0, 1, 2]);
  });

  test("every module validates", () => {
    expect(WebAssembly.validate(assemble([new FunctionBuilder("nothing", [])]))).toBe(true);
  });

  test("an instance is made once per key and arena", () => {
    const emit = () => [new FunctionBuilder("nothing", [])];
    expect(instantiate("nothing", emit, arena)).toBe(instantiate("nothing", emit, arena));
    expect(instantiate("nothing", emit, new Arena([64]))).not.toBe(instantiate("nothing", emit, arena));
  });
});

describe("arena", () => {
  test("blocks are aligned, apart, and forgotten together", () => {
    const fresh = new Arena([64]);
    const [a, b] = [fresh.allocate(1), fresh.allocate(100)];
    expect(a % 64).toBe(0);
    expect(b - a).toBeGreaterThanOrEqual(64);
    fresh.reset();
    expect(fresh.allocate(1)).toBe(a);
  });

  test("views stay valid, results are copies", () => {
    const fresh = new Arena([64]);
    const at = fresh.allocate(8);
    fresh.write(at, Float32Array.of(1, 2));
    const copy = fresh.read(at, 2);
    fresh.write(at, Float32Array.of(3, 4));
    expect([...copy]).toEqual([1, 2]);
  });

  test("a block that does not fit is refused by name", () => {
    const fresh = new Arena([64]);
    expect(() => fresh.allocate(65 << 20)).toThrow(ArenaFull);
    expect(() => fresh.allocate(65 << 20)).toThrow(/^arena: a block must fit into the \d+ free bytes, got 68157440$/);
  });
});
