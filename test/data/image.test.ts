import { encode as encodeRawPng } from "fast-png";
import { encode as encodeJpeg } from "jpeg-js";
import { describe, expect, it } from "vitest";
import { orient } from "../../src/data/exif.ts";
import { decodePicture, encodePng, type Picture } from "../../src/data/index.ts";

const gradient = (width: number, height: number): Picture => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256),
});

function jpegOf(width: number, height: number, level: (x: number, y: number) => number): Uint8Array {
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) data.fill(level(i % width, Math.floor(i / width)), i * 4, i * 4 + 3);
  return Uint8Array.from(encodeJpeg({ width, height, data }, 95).data);
}

/** Puts an EXIF segment with the given orientation behind the start marker. */
function withOrientation(jpeg: Uint8Array, orientation: number, little: boolean): Uint8Array {
  const segment = new Uint8Array(4 + 6 + 8 + 2 + 12 + 4);
  const view = new DataView(segment.buffer);
  view.setUint16(0, 0xffe1);
  view.setUint16(2, segment.length - 2);
  segment.set([0x45, 0x78, 0x69, 0x66, 0, 0], 4);
  view.setUint16(10, little ? 0x4949 : 0x4d4d);
  view.setUint16(12, 42, little);
  view.setUint32(14, 8, little);
  view.setUint16(18, 1, little);
  view.setUint16(20, 0x0112, little);
  view.setUint16(22, 3, little);
  view.setUint32(24, 1, little);
  view.setUint16(28, orientation, little);
  return Uint8Array.from([...jpeg.subarray(0, 2), ...segment, ...jpeg.subarray(2)]);
}

describe("decodePicture", () => {
  it("reads back what encodePng wrote, bit for bit", () => {
    const picture = gradient(7, 5);
    expect(decodePicture(encodePng(picture))).toEqual(picture);
  });

  it("reads a JPEG", () => {
    const { width, height, data } = decodePicture(jpegOf(16, 8, (x) => (x < 8 ? 20 : 220)));
    expect([width, height, data.length]).toEqual([16, 8, 16 * 8 * 3]);
    expect(Math.abs(data[3] - 20)).toBeLessThan(6);
    expect(Math.abs(data[15 * 3] - 220)).toBeLessThan(6);
  });

  it("repeats grey into three channels and drops alpha", () => {
    const grey = encodeRawPng({ width: 2, height: 1, data: Uint8Array.of(9, 200), depth: 8, channels: 1 });
    expect([...decodePicture(grey).data]).toEqual([9, 9, 9, 200, 200, 200]);
    const greyAlpha = encodeRawPng({ width: 1, height: 1, data: Uint8Array.of(9, 0), depth: 8, channels: 2 });
    expect([...decodePicture(greyAlpha).data]).toEqual([9, 9, 9]);
    const rgba = encodeRawPng({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3, 0), depth: 8, channels: 4 });
    expect([...decodePicture(rgba).data]).toEqual([1, 2, 3]);
  });

  it("scales 16-bit samples so that the ends stay the ends", () => {
    const png = encodeRawPng({ width: 3, height: 1, data: Uint16Array.of(0, 32768, 65535), depth: 16, channels: 1 });
    expect([...decodePicture(png).data]).toEqual([0, 0, 0, 128, 128, 128, 255, 255, 255]);
  });

  it("reads packed grey and palettes", () => {
    const bits = encodeRawPng({ width: 3, height: 2, data: Uint8Array.of(0b10100000, 0b01000000), depth: 1, channels: 1 });
    const level = (i: number) => decodePicture(bits).data[i * 3];
    expect([0, 1, 2, 3, 4, 5].map(level)).toEqual([255, 0, 255, 0, 255, 0]);
    const indexed = encodeRawPng({
      width: 2,
      height: 1,
      data: Uint8Array.of(1, 0),
      depth: 8,
      channels: 1,
      palette: [
        [10, 20, 30],
        [40, 50, 60],
      ],
    });
    expect([...decodePicture(indexed).data]).toEqual([40, 50, 60, 10, 20, 30]);
  });

  it.each([true, false])("applies EXIF orientation (little endian %s)", (little) => {
    const turned = withOrientation(
      jpegOf(16, 8, (x) => (x < 8 ? 20 : 220)),
      6,
      little,
    );
    const upright = decodePicture(turned);
    expect([upright.width, upright.height]).toEqual([8, 16]);
    expect(upright.data[0]).toBeLessThan(60);
    expect(upright.data[upright.data.length - 1]).toBeGreaterThan(180);
    expect(decodePicture(turned, { applyOrientation: false }).width).toBe(16);
  });

  it("turns a picture as EXIF numbers it", () => {
    const picture: Picture = { width: 2, height: 1, data: Uint8Array.of(1, 1, 1, 2, 2, 2) };
    const levels = [1, 2, 3, 4, 5, 6, 7, 8].map((o) => {
      const { width, data } = orient(picture, o);
      return [width, data[0], data[3]];
    });
    expect(levels).toEqual([
      [2, 1, 2],
      [2, 2, 1],
      [2, 2, 1],
      [2, 1, 2],
      [1, 1, 2],
      [1, 1, 2],
      [1, 2, 1],
      [1, 2, 1],
    ]);
  });

  it("refuses what is not a picture, in one line that names it", () => {
    const text = new TextEncoder().encode("hello, this is text");
    expect(() => decodePicture(text, { name: "notes.jpg" })).toThrow(
      "decodePicture: notes.jpg must be a JPEG or PNG file, got 19 bytes that begin with 68 65 6c 6c",
    );
    expect(() => decodePicture(new Uint8Array(0))).toThrow("got an empty file");
  });

  it("refuses damaged and oversized pictures", () => {
    const png = encodePng(gradient(20, 20));
    const jpeg = jpegOf(64, 64, (x, y) => (x * y) % 256);
    expect(() => decodePicture(png.subarray(0, png.length >> 1))).toThrow(/^decodePicture: picture must be an undamaged PNG file/);
    expect(() => decodePicture(jpeg.subarray(0, 40))).toThrow(/^decodePicture: picture must be an undamaged JPEG file/);
    expect(() => decodePicture(png, { maxPixels: 399 })).toThrow("must have at most 399 pixels, got 20x20");
    expect(() => decodePicture(jpeg, { maxPixels: 100 })).toThrow("must have at most 100 pixels, got 64x64");
  });
});
