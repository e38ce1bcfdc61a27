import {
  type Arena,
  type Entry,
  FunctionBuilder,
  i32,
  instantiate,
  type Local,
  lane,
  load,
  op,
  type Step,
  shuffle,
} from "../../wasm/index.ts";
import { type Argument, stepOf } from "./placement.ts";

/**
 * Where a batch of planes lies once zeros are put around it and its columns are dealt out by their remainder
 * modulo the horizontal stride: element (plane, y, x) of the padded image is float
 * `plane * size + y * row + (x % deal) * pitch + floor(x / deal)`. A strided convolution then reads neighbours.
 */
export interface Layout {
  readonly height: number;
  readonly deal: number;
  readonly pitch: number;
  readonly row: number;
  readonly size: number;
  readonly top: number;
  readonly left: number;
}

/** The layout of planes [height, width] with the given padding, dealt by `deal`. */
export function layoutOf(height: number, width: number, padding: readonly number[], deal: number): Layout {
  const [top, bottom, left, right] = padding as [number, number, number, number];
  const pitch = Math.ceil((left + width + right) / deal);
  const row = deal * pitch;
  return { height: top + height + bottom, deal, pitch, row, size: (top + height + bottom) * row, top, left };
}

/** Float offset of column x of a padded row. */
export const columnOffset = (l: Layout, x: number): number => (x % l.deal) * l.pitch + Math.floor(x / l.deal);

/** True where a plane needs no rearrangement. */
export const isPlain = (l: Layout, height: number, width: number): boolean => l.deal === 1 && l.height === height && l.pitch === width;

const kernel = (arena: Arena): Readonly<Record<string, Entry>> =>
  instantiate("plane", () => [emitPad(), emitScatter(), emitZero(), emitPadEach(0), emitScatterEach(1), emitFill()], arena);

/** Lays out `planes` dense planes at `source` as `layout` at `target`, the border filled with `fill`. */
export function padPlanes(
  arena: Arena,
  source: number,
  planes: number,
  height: number,
  width: number,
  layout: Layout,
  target: number,
  fill = 0,
): void {
  const { pad } = kernel(arena);
  const { deal, left, top, row, size } = layout;
  arena.f32.fill(fill, target >> 2, (target >> 2) + planes * size);
  for (let remainder = 0; remainder < deal; remainder++) {
    const count = Math.max(0, Math.ceil((width - remainder) / deal));
    const first = target + 4 * (top * row + columnOffset(layout, left + remainder));
    for (let p = 0; p < planes; p++) {
      pad!(first + 4 * p * size, 4 * row, source + 4 * (p * height * width + remainder), 4 * width, height, count, deal);
    }
  }
}

/** Spreads a dense [rows, columns] plane over steps of bytes. */
export function scatter(
  arena: Arena,
  target: number,
  rowStep: number,
  columnStep: number,
  source: number,
  sourcePitch: number,
  rows: number,
  columns: number,
): void {
  kernel(arena).scatter!(target, rowStep, columnStep, source, sourcePitch, rows, columns);
}

/** Sets bytes to zero. */
export const zeroStep = (arena: Arena, target: Argument, bytes: number): Step => stepOf(kernel(arena).zero!, [target, bytes]);

/** Gives floats a value. */
export const fillStep = (arena: Arena, target: Argument, count: number, value: number): Step =>
  stepOf(kernel(arena).fill!, [target, count, value]);

/** Planes of rows and columns, bytes apart. */
export interface Planes {
  readonly at: Argument;
  readonly plane: number;
  readonly row: number;
}

/** Copies every `deal`-th float of each row of `planes` planes. */
export const padStep = (arena: Arena, to: Planes, from: Planes, planes: number, rows: number, count: number, deal: number): Step =>
  stepOf(kernel(arena).padEach!, [to.at, to.row, to.plane, from.at, from.row, from.plane, planes, rows, count, deal]);

/** Spreads dense planes over rows and columns, `column` bytes apart. */
export const scatterStep = (
  arena: Arena,
  to: Planes & { readonly column: number },
  from: Planes,
  planes: number,
  rows: number,
  columns: number,
): Step => stepOf(kernel(arena).scatterEach!, [to.at, to.row, to.plane, to.column, from.at, from.row, from.plane, planes, rows, columns]);

/** zero(target, bytes) */
function emitZero(): FunctionBuilder {
  const f = new FunctionBuilder("zero", ["i32", "i32"]);
  const [target, bytes] = f.pointers;
  f.zero(target!, bytes!);
  return f;
}

/** fill(target, count, value): gives floats a value. */
function emitFill(): FunctionBuilder {
  const f = new FunctionBuilder("fill", ["i32", "i32", "f32"]);
  const [target, count] = f.pointers as [Local<"i32">, Local<"i32">];
  const all = f.let(op("f32x4.splat", f.params[2] as Local<"f32">));
  f.while(op("i32.gt_s", count, i32(3)), () => {
    f.store("v128.store", target, all);
    f.bump(target, 16);
    f.bump(count, -4);
  });
  f.while(op("i32.gt_s", count, i32(0)), () => {
    f.store("f32.store", target, lane(all, 0));
    f.bump(target, 4);
    f.bump(count, -1);
  });
  return f;
}

/** padEach(target, targetPitch, targetPlane, source, sourcePitch, sourcePlane, planes, rows, count, deal): `pad` of each plane. */
function emitPadEach(pad: number): FunctionBuilder {
  const f = new FunctionBuilder("padEach", Array(10).fill("i32"));
  const [target, targetPitch, targetPlane, source, sourcePitch, sourcePlane, planes, rows, count, deal] = f.pointers;
  f.for(f.local("i32"), planes!, 1, () => {
    f.call(pad, target!, targetPitch!, source!, sourcePitch!, rows!, count!, deal!);
    f.bump(target!, targetPlane!);
    f.bump(source!, sourcePlane!);
  });
  return f;
}

/** scatterEach(target, rowStep, targetPlane, columnStep, source, sourcePitch, sourcePlane, planes, rows, columns) */
function emitScatterEach(scatter: number): FunctionBuilder {
  const f = new FunctionBuilder("scatterEach", Array(10).fill("i32"));
  const [target, rowStep, targetPlane, columnStep, source, sourcePitch, sourcePlane, planes, rows, columns] = f.pointers;
  f.for(f.local("i32"), planes!, 1, () => {
    f.call(scatter, target!, rowStep!, columnStep!, source!, sourcePitch!, rows!, columns!);
    f.bump(target!, targetPlane!);
    f.bump(source!, sourcePlane!);
  });
  return f;
}

/** pad(target, targetPitch, source, sourcePitch, rows, count, deal): copies every deal-th float of each row. */
function emitPad(): FunctionBuilder {
  const f = new FunctionBuilder(
    "pad",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [target, targetPitch, source, sourcePitch, rows, count, deal] = f.pointers;
  const [y, x, from, to] = f.locals("i32", 4);
  const whole = f.let(op("i32.sub", count!, i32(3)));
  const quads = (step: number, read: () => ReturnType<typeof shuffle>) =>
    f.while(op("i32.lt_s", x!, whole), () => {
      f.store("v128.store", to!, read());
      f.bump(from!, 16 * step);
      f.bump(to!, 16);
      f.bump(x!, 4);
    });
  f.for(y!, rows!, 1, () => {
    f.set(from!, source!);
    f.set(to!, target!);
    f.set(x!, i32(0));
    f.if(
      op("i32.eq", deal!, i32(1)),
      () => quads(1, () => load("v128.load", from!)),
      () =>
        f.if(op("i32.eq", deal!, i32(2)), () =>
          quads(2, () => shuffle(load("v128.load", from!), load("v128.load", from!, 16), [0, 2, 4, 6])),
        ),
    );
    f.while(op("i32.lt_s", x!, count!), () => {
      f.store("f32.store", to!, load("f32.load", from!));
      f.bump(from!, op("i32.mul", deal!, i32(4)));
      f.bump(to!, 4);
      f.bump(x!, 1);
    });
    f.bump(source!, sourcePitch!);
    f.bump(target!, targetPitch!);
  });
  return f;
}

function emitScatter(): FunctionBuilder {
  const f = new FunctionBuilder(
    "scatter",
    Array.from({ length: 7 }, () => "i32" as const),
  );
  const [target, rowStep, columnStep, source, sourcePitch, rows, columns] = f.pointers as Local<"i32">[];
  const [y, x, from, to] = f.locals("i32", 4);
  f.for(y!, rows!, 1, () => {
    f.set(from!, source!);
    f.set(to!, target!);
    f.for(x!, columns!, 1, () => {
      f.store("f32.store", to!, load("f32.load", from!));
      f.bump(from!, 4);
      f.bump(to!, columnStep!);
    });
    f.bump(target!, rowStep!);
    f.bump(source!, sourcePitch!);
  });
  return f;
}
