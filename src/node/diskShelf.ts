import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StateError } from "../errors.ts";
import type { Kept, Shelf } from "../quant/index.ts";
import { allocate, type Meta, sizeOf, Tensor } from "../tensor/index.ts";
import { OutputError } from "./output.ts";
import { Places } from "./places.ts";
import { reasonOf } from "./usageError.ts";

/** A shelf on a temporary file. */
export interface DiskShelf extends Shelf {
  /** Bytes the file has grown to: dropped places are used again. */
  readonly bytes: number;
  /** Deletes the file; nothing that was put away can be read any more. */
  close(): void;
}

/**
 * Keeps tensors in a temporary file that is made when the first one comes. Call `close` whatever happens; a killed process
 * leaves nothing behind where the system lets go of the name of an open file.
 *
 * Errors: OutputError where the folder cannot be written or the disk is full; StateError for what was dropped.
 */
export function diskShelf(folder: string = tmpdir()): DiskShelf {
  const places = new Places();
  let file: TemporaryFile | undefined;
  return {
    memory: 0,
    get bytes() {
      return places.end;
    },
    put({ shape, dtype, data }) {
      file ??= new TemporaryFile(folder);
      const start = places.take(data.byteLength);
      file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
      return new KeptOnDisk(file, places, { shape, dtype }, start, data.byteLength);
    },
    close() {
      file?.close();
      file = undefined;
    },
  };
}

/** Knows where its values are, and holds none of them. */
class KeptOnDisk implements Kept {
  readonly #file: TemporaryFile;
  readonly #places: Places;
  readonly #meta: Meta;
  readonly #start: number;
  readonly #length: number;
  #dropped = false;

  constructor(file: TemporaryFile, places: Places, meta: Meta, start: number, length: number) {
    this.#file = file;
    this.#places = places;
    this.#meta = meta;
    this.#start = start;
    this.#length = length;
  }

  get(): Tensor {
    if (this.#dropped) throw new StateError("diskShelf", "a tensor must be read before it is dropped, got one that was dropped");
    const { shape, dtype } = this.#meta;
    const data = allocate(dtype, sizeOf(shape));
    this.#file.read(new Uint8Array(data.buffer), this.#start);
    return new Tensor(shape, dtype, data);
  }

  drop(): void {
    if (!this.#dropped) this.#places.free(this.#start, this.#length);
    this.#dropped = true;
  }
}

/** A file that is gone when it is closed. */
class TemporaryFile {
  readonly #path: string;
  #descriptor: number | undefined;

  constructor(folder: string) {
    this.#path = join(folder, `inlierq-${randomBytes(8).toString("hex")}.tmp`);
    this.#descriptor = attempt(folder, () => openSync(this.#path, "wx+", 0o600));
    try {
      rmSync(this.#path);
    } catch {
      // Windows may keep the name of an open file: `close` removes it.
      return;
    }
  }

  write(bytes: Uint8Array, start: number): void {
    const descriptor = this.#open();
    attempt(this.#path, () => {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done, start + done);
    });
  }

  read(bytes: Uint8Array, start: number): void {
    const descriptor = this.#open();
    for (let done = 0; done < bytes.length; ) {
      const count = attempt(this.#path, () => readSync(descriptor, bytes, done, bytes.length - done, start + done));
      if (count === 0)
        throw new OutputError("diskShelf", `${this.#path} must hold ${start + bytes.length} bytes, got an end at ${start + done}`);
      done += count;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    rmSync(this.#path, { force: true });
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new StateError("diskShelf", "the shelf must be open, got one that was closed");
    return this.#descriptor;
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new OutputError("diskShelf", `${path} must take and give what learning puts there, got ${reasonOf(error)}`);
  }
}
