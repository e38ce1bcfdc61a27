import { decode as decodePng, encode as encodePngFile } from "fast-png";
import { decode as decodeJpeg } from "jpeg-js";
import { ArgumentError } from "../errors.ts";
import { exifOrientation, orient } from "./exif.ts";

/** A decoded picture: 8-bit RGB, row-major, three bytes a pixel. Never written after creation. */
export interface Picture {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Red, green and blue of every pixel, row by row: [height, width, 3]. */
  readonly data: Uint8Array;
}

/** Limits and names for `decodePicture`. */
export interface DecodeOptions {
  /** What messages call the picture, e.g. its file name. Default "picture". */
  readonly name?: string;
  /** Largest accepted width * height. Default 64 million. */
  readonly maxPixels?: number;
  /** Whether a JPEG's EXIF orientation is applied. Default true. */
  readonly applyOrientation?: boolean;
}

const DEFAULT_MAX_PIXELS = 64e6;

/**
 * Decodes a JPEG or PNG file, told apart by its first bytes. Grey, palette, alpha and 16-bit pictures become 8-bit
 * RGB; transparency is dropped, as OpenCV and Pillow do when asked for RGB.
 *
 * Errors: ArgumentError when the bytes are no such picture, are damaged, or hold more than `maxPixels` pixels.
 */
export function decodePicture(bytes: Uint8Array, options: DecodeOptions = {}): Picture {
  const { name = "picture", maxPixels = DEFAULT_MAX_PIXELS, applyOrientation = true } = options;
  if (isJpeg(bytes)) {
    const picture = readJpeg(bytes, name, maxPixels);
    return applyOrientation ? orient(picture, exifOrientation(bytes)) : picture;
  }
  if (isPng(bytes)) return readPng(bytes, name, maxPixels);
  throw new ArgumentError("decodePicture", `${name} must be a JPEG or PNG file, got ${describeBytes(bytes)}`);
}

/** The picture as a PNG file: 8-bit RGB, no metadata, the same bytes for the same picture. */
export function encodePng(picture: Picture): Uint8Array {
  return encodePngFile({ width: picture.width, height: picture.height, data: picture.data, depth: 8, channels: 3 });
}

const isJpeg = (bytes: Uint8Array): boolean => bytes.length > 3 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const isPng = (bytes: Uint8Array): boolean => PNG_SIGNATURE.every((byte, i) => bytes[i] === byte);

function describeBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const hex = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${bytes.length} bytes that begin with ${hex}`;
}

function requireSize(name: string, width: number, height: number, maxPixels: number): void {
  if (width < 1 || height < 1) throw new ArgumentError("decodePicture", `${name} must have at least one pixel, got ${width}x${height}`);
  if (width * height <= maxPixels) return;
  throw new ArgumentError("decodePicture", `${name} must have at most ${maxPixels} pixels, got ${width}x${height}`);
}

/** Runs a decoder of another library and turns whatever it throws into our one clear line. */
function decoded<T>(name: string, format: string, f: () => T): T {
  try {
    return f();
  } catch (error) {
    // A decoder that runs off its own tables says so in the engine's words, which tell nothing about the file.
    const broken = error instanceof TypeError || error instanceof RangeError;
    const reason = broken ? "its parts do not fit together" : error instanceof Error ? error.message : String(error);
    throw new ArgumentError("decodePicture", `${name} must be an undamaged ${format} file, got a decoding error (${reason})`);
  }
}

function readJpeg(bytes: Uint8Array, name: string, maxPixels: number): Picture {
  for (const { width, height } of jpegSizes(bytes)) {
    requireSize(name, width, height, maxPixels);
    requireBytes(name, width * height, JPEG_PIXELS * bytes.length, bytes.length);
  }
  const { width, height, data } = decoded(name, "JPEG", () =>
    decodeJpeg(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: maxPixels / 1e6,
      maxMemoryUsageInMB: 64 + (maxPixels / 1e6) * 24,
    }),
  );
  requireSize(name, width, height, maxPixels);
  return { width, height, data };
}

/**
 * Pixels that a byte of JPEG can stand for: a block of 8x8 takes at least one bit, its first coefficient's, and there are
 * at least half as many blocks as cover the picture, where the components share out the largest sampling factors.
 */
const JPEG_PIXELS = 1024;

/** Bytes that a byte of deflate can stand for. */
const DEFLATE_BYTES = 1032;

/** Bytes of a PNG's data beside those of the pixels. */
const SLACK = 1024;

/** Bytes in all IDAT chunks of a PNG. */
function packedBytes(file: DataView): number {
  let sum = 0;
  for (let at = 8; at + 8 <= file.byteLength; at += 12 + file.getUint32(at)) {
    if (file.getUint32(at + 4) === 0x49444154) sum += file.getUint32(at);
  }
  return sum;
}

/** What a decoder sets aside must be in proportion to the file, whatever its header claims. */
function requireBytes(name: string, claimed: number, possible: number, length: number): void {
  if (claimed <= possible) return;
  throw new ArgumentError(
    "decodePicture",
    `${name} must have pixels that its ${length} bytes can hold, got a header that claims ${claimed}`,
  );
}

/** Width and height from every frame header before the pixels. */
function jpegSizes(bytes: Uint8Array): { width: number; height: number }[] {
  const sizes: { width: number; height: number }[] = [];
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) sizes.push({ height: (bytes[at + 5] << 8) | bytes[at + 6], width: (bytes[at + 7] << 8) | bytes[at + 8] });
    at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
  }
  return sizes;
}

function readPng(bytes: Uint8Array, name: string, maxPixels: number): Picture {
  if (bytes.length < 24) throw new ArgumentError("decodePicture", `${name} must be an undamaged PNG file, got ${bytes.length} bytes`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [claimedWidth, claimedHeight] = [header.getUint32(16), header.getUint32(20)];
  requireSize(name, claimedWidth, claimedHeight, maxPixels);
  // A pixel takes a bit at least, and every row a byte more.
  requireBytes(name, claimedHeight * (1 + claimedWidth / 8), DEFLATE_BYTES * bytes.length, bytes.length);
  const packed = packedBytes(header);
  // Bits a pixel at most: four samples of 16. What pixels do not need would only be unpacked to be thrown away.
  const needed = claimedHeight * (1 + 8 * claimedWidth);
  if (packed > 2 * needed + SLACK)
    throw new ArgumentError(
      "decodePicture",
      `${name} must have no more data than its ${claimedWidth}x${claimedHeight} pixels need, got ${packed} bytes`,
    );
  const png = decoded(name, "PNG", () => decodePng(bytes, { checkCrc: true }));
  const { width, height, channels, depth, palette } = png;
  const rowSamples = width * channels;
  const samples = depth < 8 ? unpack(png.data, rowSamples, height, depth) : png.data;
  if (samples.length < rowSamples * height) {
    throw new ArgumentError("decodePicture", `${name} must hold ${rowSamples * height} samples, got ${samples.length}`);
  }
  const data = new Uint8Array(width * height * 3);
  if (palette) {
    fillFromPalette(data, samples, palette, name);
    return { width, height, data };
  }
  const to8 = levelTable(depth);
  const colored = channels >= 3;
  for (let i = 0, from = 0, to = 0; i < width * height; i++, from += channels, to += 3) {
    data[to] = to8(samples[from]);
    data[to + 1] = to8(samples[colored ? from + 1 : from]);
    data[to + 2] = to8(samples[colored ? from + 2 : from]);
  }
  return { width, height, data };
}

/** Maps a sample of `depth` bits to 0..255 so that the largest sample becomes 255. */
function levelTable(depth: number): (sample: number) => number {
  if (depth === 8) return (sample) => sample;
  if (depth === 16) return (sample) => (sample * 255 + 32895) >>> 16;
  const largest = (1 << depth) - 1;
  return (sample) => (sample * 255) / largest;
}

function fillFromPalette(data: Uint8Array, indices: ArrayLike<number>, palette: readonly (readonly number[])[], name: string): void {
  for (let i = 0; i * 3 < data.length; i++) {
    const color = palette[indices[i]];
    if (!color) {
      throw new ArgumentError("decodePicture", `${name} must use palette entries below ${palette.length}, got ${indices[i]}`);
    }
    data.set(color.slice(0, 3), i * 3);
  }
}

/** Samples of 1, 2 or 4 bits, one a byte; rows start on a byte. */
function unpack(packed: ArrayLike<number>, rowSamples: number, rows: number, depth: number): Uint8Array {
  const samples = new Uint8Array(rowSamples * rows);
  const rowBytes = Math.ceil((rowSamples * depth) / 8);
  const mask = (1 << depth) - 1;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < rowSamples; x++) {
      const bit = x * depth;
      samples[y * rowSamples + x] = (packed[y * rowBytes + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return samples;
}
