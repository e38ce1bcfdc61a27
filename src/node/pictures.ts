import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodePicture } from "../data/index.ts";
import type { PictureSample } from "../job/index.ts";
import { Rng } from "../tensor/index.ts";
import { reasonOf, UsageError } from "./usageError.ts";

/** A picture file that was found but not read. */
export interface PictureFile {
  /** Name of the file, without its folder. */
  readonly name: string;
  /** Where the file lies. */
  readonly path: string;
}

/** File names that are read as pictures. */
export const PICTURES = /\.(jpe?g|png)$/i;

/**
 * The .jpg, .jpeg and .png files of a folder, sorted by name (code units, so the order is the same everywhere). Other
 * files, hidden files and sub-folders are passed over.
 *
 * Errors: UsageError when the folder is missing or holds no such file.
 */
export function listPictures(folder: string): PictureFile[] {
  let names: string[];
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
      .map((entry) => entry.name);
  } catch (error) {
    throw new UsageError("listPictures", `${folder} must be a folder of pictures, got ${reasonOf(error)}`);
  }
  const pictures = names.filter((name) => PICTURES.test(name)).sort();
  if (pictures.length === 0) {
    const found = names.length === 0 ? "an empty folder" : `${names.length} other file${names.length === 1 ? "" : "s"}`;
    throw new UsageError("listPictures", `${folder} must hold at least one .jpg, .jpeg or .png file, got ${found}`);
  }
  return pictures.map((name) => ({ name, path: join(folder, name) }));
}

/** `count` of the files, chosen by `seed`, in their order; all of them where there are no more. */
export const choosePictures = (files: readonly PictureFile[], count: number, seed: number): PictureFile[] => chooseFrom(files, count, seed);

/** `count` of the items, chosen by `seed`, in their order; all of them where there are no more. */
export function chooseFrom<T>(items: readonly T[], count: number, seed: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from(new Rng(seed).split("pictures").choose(items.length, count), (i) => items[i]);
}

/**
 * The decoded picture as a sample named after its file. `where` is what messages call the caller.
 *
 * Errors: UsageError when it cannot be read, ArgumentError when it is no picture.
 */
export function readPicture({ name, path }: PictureFile, where = "readPicture"): PictureSample {
  return { name, picture: decodePicture(readBytes(path, where), { name: path }) };
}

/** The bytes of a file. Errors: UsageError that says what was wrong with the path. */
export function readBytes(path: string, where: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(where, `${path} must be a readable file, got ${reasonOf(error)}`);
  }
}
