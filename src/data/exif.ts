import type { Picture } from "./image.ts";

/** EXIF orientation 1..8 of a JPEG file; 1 (upright) when there is none or it cannot be read. */
export function exifOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    const length = view.getUint16(at + 2);
    if (marker === 0xe1) {
      const orientation = orientationIn(view, at + 4, Math.min(at + 2 + length, bytes.length));
      if (orientation !== undefined) return orientation;
    }
    if (marker === 0xda || length < 2) return 1;
    at += 2 + length;
  }
  return 1;
}

/** Reads tag 0x0112 of the first directory of an "Exif" segment that lies in [start, end). */
function orientationIn(view: DataView, start: number, end: number): number | undefined {
  if (end - start < 14 || view.getUint32(start) !== 0x45786966) return undefined;
  const tiff = start + 6;
  const little = view.getUint16(tiff) === 0x4949;
  const directory = tiff + view.getUint32(tiff + 4, little);
  if (directory + 2 > end) return undefined;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + i * 12;
    if (entry + 12 > end) return undefined;
    if (view.getUint16(entry, little) !== 0x0112) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}

/** What an orientation does, in this order: rows and columns change places, left and right, top and bottom. */
export const orientationOf = (orientation: number): { transposed: boolean; mirroredX: boolean; mirroredY: boolean } => ({
  transposed: orientation >= 5,
  mirroredX: [2, 3, 6, 7].includes(orientation),
  mirroredY: [3, 4, 7, 8].includes(orientation),
});

/** Turns a stored picture upright; orientation as EXIF numbers it. */
export function orient(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const { width, height, data } = picture;
  const { transposed, mirroredX, mirroredY } = orientationOf(orientation);
  const outWidth = transposed ? height : width;
  const outHeight = transposed ? width : height;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const u = mirroredX ? outWidth - 1 - x : x;
      const v = mirroredY ? outHeight - 1 - y : y;
      const from = (transposed ? u * width + v : v * width + u) * 3;
      const to = (y * outWidth + x) * 3;
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    }
  }
  return { width: outWidth, height: outHeight, data: out };
}
