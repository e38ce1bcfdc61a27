import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InlierqError } from "../errors.ts";
import { reasonOf, UsageError } from "./usageError.ts";

/** Files by path below the output folder. */
export type OutputFiles = ReadonlyMap<string, Uint8Array | string>;

/** An output that could not be written; nothing of it was left behind. */
export class OutputError extends InlierqError {}

/**
 * Says before the work starts whether `writeOutput` could write these files.
 *
 * Errors: UsageError when a file is in the way and `force` is not set; OutputError when the folder cannot be written.
 */
export function checkOutput(folder: string, names: Iterable<string>, force: boolean): void {
  const target = resolve(folder);
  if (existsSync(target) && !statSync(target).isDirectory()) {
    throw new OutputError("writeOutput", `${folder} must be a folder, got a file`);
  }
  if (!force) {
    for (const name of names) {
      if (existsSync(join(target, name)))
        throw new UsageError("writeOutput", `${join(folder, name)} must not exist yet (--force replaces it)`);
    }
  }
  let ancestor = target;
  while (!existsSync(ancestor)) ancestor = dirname(ancestor);
  try {
    if (!statSync(ancestor).isDirectory()) throw new OutputError("writeOutput", `${ancestor} must be a folder, got a file`);
    accessSync(ancestor, constants.W_OK);
  } catch (error) {
    if (error instanceof InlierqError) throw error;
    throw new OutputError("writeOutput", `${folder} must be writable, got ${reasonOf(error)}`);
  }
}

/**
 * Writes a set of files so that each appears complete or not at all. Everything is written to a hidden folder first:
 * that folder becomes the output when there is none yet; otherwise its files are renamed into the output one by one. `place` is another one for that folder, on the same device.
 *
 * Errors: UsageError when a file is in the way and `force` is not set; OutputError when the folder cannot be written.
 */
export function writeOutput(folder: string, files: OutputFiles, force = false, place?: string): void {
  checkOutput(folder, files.keys(), force);
  const target = resolve(folder);
  const exists = existsSync(target);
  const stage = place ?? (exists ? join(target, `.writing-${process.pid}`) : `${target}.writing-${process.pid}`);
  try {
    rmSync(stage, { recursive: true, force: true });
    for (const [name, contents] of files) {
      mkdirSync(dirname(join(stage, name)), { recursive: true });
      writeFileSync(join(stage, name), contents);
    }
    if (exists) {
      for (const name of files.keys()) {
        mkdirSync(dirname(join(target, name)), { recursive: true });
        renameSync(join(stage, name), join(target, name));
      }
    } else {
      renameSync(stage, target);
    }
  } catch (error) {
    throw new OutputError("writeOutput", `${folder} must be writable, got ${reasonOf(error)}`);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Writes one file so that it appears complete or not at all. Errors: OutputError. */
export function writeFileAtomic(path: string, contents: Uint8Array | string): void {
  const stage = `${path}.writing-${process.pid}`;
  try {
    writeFileSync(stage, contents);
    renameSync(stage, path);
  } catch (error) {
    throw new OutputError("writeFileAtomic", `${path} must be writable, got ${reasonOf(error)}`);
  } finally {
    rmSync(stage, { force: true });
  }
}
