import { type Arena, FunctionBuilder, instantiate } from "../../wasm/index.ts";

/** Planes of bytes with a border around each. */
export interface Border {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** Bytes of a bordered row, and of a bordered plane. */
  readonly row: number;
  readonly plane: number;
}

/** The border that padding [top, bottom, left, right] puts around planes [height, width]. */
export function borderOf(height: number, width: number, [top, bottom, left, right]: readonly number[]): Border {
  const row = left + width + right;
  return { top, left, height, width, row, plane: row * (top + height + bottom) };
}

export const hasBorder = ({ height, width, plane }: Border): boolean => plane > height * width;

/** Copies dense planes of codes into bordered ones, the border of plane p filled with `fill(p)`. */
export function padPlanes(
  arena: Arena,
  u8: Uint8Array,
  source: number,
  planes: number,
  border: Border,
  fill: (plane: number) => number,
  target: number,
): void {
  const { top, left, height, width, row, plane } = border;
  const { pad } = instantiate("integer pad", () => [emitPad()], arena);
  for (let p = 0; p < planes; p++) {
    u8.fill(fill(p) & 255, target + p * plane, target + (p + 1) * plane);
    pad(target + p * plane + top * row + left, row, source + p * height * width, width, height);
  }
}

/** pad(target, row, source, width, height). */
function emitPad(): FunctionBuilder {
  const f = new FunctionBuilder("pad", ["i32", "i32", "i32", "i32", "i32"]);
  const [target, row, source, width, height] = f.pointers;
  const y = f.local("i32");
  f.for(y, height, 1, () => {
    f.copy(target, source, width);
    f.bump(target, row);
    f.bump(source, width);
  });
  return f;
}
