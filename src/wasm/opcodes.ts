const i32x2 = ["i32", "i32"] as const;
const v1 = ["v128"] as const;
const v2 = ["v128", "v128"] as const;
const v3 = ["v128", "v128", "v128"] as const;
const SIMD = 0x10000;

/**
 * Instructions without immediates, by their name in the text format: opcode, operand types, result type. Codes
 * from `SIMD` on carry the 0xfd prefix.
 */
export const OPERATORS = {
  "i32.eqz": { code: 0x45, takes: ["i32"], gives: "i32" },
  "i32.ctz": { code: 0x68, takes: ["i32"], gives: "i32" },
  "i32.eq": { code: 0x46, takes: i32x2, gives: "i32" },
  "i32.lt_s": { code: 0x48, takes: i32x2, gives: "i32" },
  "i32.gt_s": { code: 0x4a, takes: i32x2, gives: "i32" },
  "i32.ge_s": { code: 0x4e, takes: i32x2, gives: "i32" },
  "i32.lt_u": { code: 0x49, takes: i32x2, gives: "i32" },
  "i32.add": { code: 0x6a, takes: i32x2, gives: "i32" },
  "i32.sub": { code: 0x6b, takes: i32x2, gives: "i32" },
  "i32.mul": { code: 0x6c, takes: i32x2, gives: "i32" },
  "i32.and": { code: 0x71, takes: i32x2, gives: "i32" },
  "i32.or": { code: 0x72, takes: i32x2, gives: "i32" },
  "i32.xor": { code: 0x73, takes: i32x2, gives: "i32" },
  "i32.shl": { code: 0x74, takes: i32x2, gives: "i32" },
  "i64.lt_s": { code: 0x53, takes: ["i64", "i64"], gives: "i32" },
  "f32.convert_i32_s": { code: 0xb2, takes: ["i32"], gives: "f32" },
  "f32.add": { code: 0x92, takes: ["f32", "f32"], gives: "f32" },
  "f32.mul": { code: 0x94, takes: ["f32", "f32"], gives: "f32" },
  "f64.gt": { code: 0x64, takes: ["f64", "f64"], gives: "i32" },
  "f64.add": { code: 0xa0, takes: ["f64", "f64"], gives: "f64" },
  "f64.sub": { code: 0xa1, takes: ["f64", "f64"], gives: "f64" },
  "f64.mul": { code: 0xa2, takes: ["f64", "f64"], gives: "f64" },
  "f32.demote_f64": { code: 0xb6, takes: ["f64"], gives: "f32" },
  "f64.promote_f32": { code: 0xbb, takes: ["f32"], gives: "f64" },
  "i32x4.splat": { code: SIMD + 0x11, takes: ["i32"], gives: "v128" },
  "i32x4.eq": { code: SIMD + 0x37, takes: v2, gives: "v128" },
  "i32x4.all_true": { code: SIMD + 0xa3, takes: v1, gives: "i32" },
  "f32x4.splat": { code: SIMD + 0x13, takes: ["f32"], gives: "v128" },
  "i16x8.splat": { code: SIMD + 0x10, takes: ["i32"], gives: "v128" },
  "i8x16.narrow_i16x8_s": { code: SIMD + 0x65, takes: v2, gives: "v128" },
  "i8x16.narrow_i16x8_u": { code: SIMD + 0x66, takes: v2, gives: "v128" },
  "i16x8.extend_low_i8x16_u": { code: SIMD + 0x89, takes: v1, gives: "v128" },
  "i32x4.extend_low_i16x8_u": { code: SIMD + 0xa9, takes: v1, gives: "v128" },
  "i8x16.eq": { code: SIMD + 0x23, takes: v2, gives: "v128" },
  "i8x16.bitmask": { code: SIMD + 0x64, takes: v1, gives: "i32" },
  "i8x16.splat": { code: SIMD + 0x0f, takes: ["i32"], gives: "v128" },
  "i8x16.max_s": { code: SIMD + 0x78, takes: v2, gives: "v128" },
  "i8x16.max_u": { code: SIMD + 0x79, takes: v2, gives: "v128" },
  "i16x8.narrow_i32x4_s": { code: SIMD + 0x85, takes: v2, gives: "v128" },
  "i16x8.sub": { code: SIMD + 0x91, takes: v2, gives: "v128" },
  "i32x4.dot_i16x8_s": { code: SIMD + 0xba, takes: v2, gives: "v128" },
  "f32x4.eq": { code: SIMD + 0x41, takes: v2, gives: "v128" },
  "f32x4.lt": { code: SIMD + 0x43, takes: v2, gives: "v128" },
  "f32x4.gt": { code: SIMD + 0x44, takes: v2, gives: "v128" },
  "f32x4.le": { code: SIMD + 0x45, takes: v2, gives: "v128" },
  "f32x4.ge": { code: SIMD + 0x46, takes: v2, gives: "v128" },
  "i32x4.gt_s": { code: SIMD + 0x3b, takes: v2, gives: "v128" },
  "v128.and": { code: SIMD + 0x4e, takes: v2, gives: "v128" },
  "v128.or": { code: SIMD + 0x50, takes: v2, gives: "v128" },
  "v128.xor": { code: SIMD + 0x51, takes: v2, gives: "v128" },
  "v128.any_true": { code: SIMD + 0x53, takes: v1, gives: "i32" },
  "v128.bitselect": { code: SIMD + 0x52, takes: v3, gives: "v128" },
  "f32x4.nearest": { code: SIMD + 0x6a, takes: v1, gives: "v128" },
  "i32x4.shl": { code: SIMD + 0xab, takes: ["v128", "i32"], gives: "v128" },
  "i32x4.shr_s": { code: SIMD + 0xac, takes: ["v128", "i32"], gives: "v128" },
  "i32x4.add": { code: SIMD + 0xae, takes: v2, gives: "v128" },
  "i32x4.sub": { code: SIMD + 0xb1, takes: v2, gives: "v128" },
  "f32x4.abs": { code: SIMD + 0xe0, takes: v1, gives: "v128" },
  "f32x4.neg": { code: SIMD + 0xe1, takes: v1, gives: "v128" },
  "f32x4.sqrt": { code: SIMD + 0xe3, takes: v1, gives: "v128" },
  "f32x4.add": { code: SIMD + 0xe4, takes: v2, gives: "v128" },
  "f32x4.sub": { code: SIMD + 0xe5, takes: v2, gives: "v128" },
  "f32x4.mul": { code: SIMD + 0xe6, takes: v2, gives: "v128" },
  "f32x4.div": { code: SIMD + 0xe7, takes: v2, gives: "v128" },
  "f32x4.min": { code: SIMD + 0xe8, takes: v2, gives: "v128" },
  "f32x4.max": { code: SIMD + 0xe9, takes: v2, gives: "v128" },
  "f32x4.pmin": { code: SIMD + 0xea, takes: v2, gives: "v128" },
  "f32x4.pmax": { code: SIMD + 0xeb, takes: v2, gives: "v128" },
  "f32x4.relaxed_madd": { code: SIMD + 0x105, takes: v3, gives: "v128" },
  "f32x4.convert_i32x4_s": { code: SIMD + 0xfa, takes: v1, gives: "v128" },
  "f64x2.ge": { code: SIMD + 0x4c, takes: v2, gives: "v128" },
  "v128.andnot": { code: SIMD + 0x4f, takes: v2, gives: "v128" },
  "i64x2.shl": { code: SIMD + 0xcb, takes: ["v128", "i32"], gives: "v128" },
  "f32x4.demote_f64x2_zero": { code: SIMD + 0x5e, takes: v1, gives: "v128" },
  "f64x2.convert_low_i32x4_s": { code: SIMD + 0xfe, takes: v1, gives: "v128" },
  "f64x2.promote_low_f32x4": { code: SIMD + 0x5f, takes: v1, gives: "v128" },
  "f64x2.sqrt": { code: SIMD + 0xef, takes: v1, gives: "v128" },
  "f64x2.add": { code: SIMD + 0xf0, takes: v2, gives: "v128" },
  "f64x2.sub": { code: SIMD + 0xf1, takes: v2, gives: "v128" },
  "f64x2.mul": { code: SIMD + 0xf2, takes: v2, gives: "v128" },
  "f64x2.div": { code: SIMD + 0xf3, takes: v2, gives: "v128" },
  "f64x2.pmin": { code: SIMD + 0xf6, takes: v2, gives: "v128" },
  "f64x2.pmax": { code: SIMD + 0xf7, takes: v2, gives: "v128" },
  "f64x2.max": { code: SIMD + 0xf5, takes: v2, gives: "v128" },
} as const;

/** Loads and stores with the alignment they declare, as log2 (2 is 4 bytes: vectors start at any float), and the type that moves. */
export const LOADS = {
  "i32.load": { code: 0x28, align: 2, moves: "i32" },
  "i32.load8_s": { code: 0x2c, align: 0, moves: "i32" },
  "i32.load8_u": { code: 0x2d, align: 0, moves: "i32" },
  "i64.load": { code: 0x29, align: 3, moves: "i64" },
  "f32.load": { code: 0x2a, align: 2, moves: "f32" },
  "f64.load": { code: 0x2b, align: 3, moves: "f64" },
  "v128.load": { code: SIMD + 0x00, align: 2, moves: "v128" },
  "v128.load8x8_s": { code: SIMD + 0x01, align: 0, moves: "v128" },
  "v128.load8x8_u": { code: SIMD + 0x02, align: 0, moves: "v128" },
  "v128.load32_zero": { code: SIMD + 0x5c, align: 0, moves: "v128" },
  "v128.load32_splat": { code: SIMD + 0x09, align: 2, moves: "v128" },
  "v128.load64_splat": { code: SIMD + 0x0a, align: 3, moves: "v128" },
  "v128.load64_zero": { code: SIMD + 0x5d, align: 2, moves: "v128" },
} as const;

export const STORES = {
  "i32.store": { code: 0x36, align: 2, moves: "i32" },
  "i32.store8": { code: 0x3a, align: 0, moves: "i32" },
  "i32.store16": { code: 0x3b, align: 1, moves: "i32" },
  "i64.store": { code: 0x37, align: 3, moves: "i64" },
  "f32.store": { code: 0x38, align: 2, moves: "f32" },
  "f64.store": { code: 0x39, align: 3, moves: "f64" },
  "v128.store": { code: SIMD + 0x0b, align: 2, moves: "v128" },
} as const;

export const CONSTANTS = { i32: 0x41, f32: 0x43, v128: SIMD + 0x0c } as const;
export const SHUFFLE = SIMD + 0x0d;
export const EXTRACT_F32 = SIMD + 0x1f;
export const EXTRACT_I32 = SIMD + 0x1b;

/** The bytes of an opcode of the tables above. */
export const opcode = (code: number): number[] =>
  code < SIMD ? [code] : [0xfd, ...(code - SIMD < 0x80 ? [code - SIMD] : [((code - SIMD) & 0x7f) | 0x80, (code - SIMD) >> 7])];
