import { ArgumentError } from "../errors.ts";

/** The caller asked for something that cannot be right as asked: a missing file, a folder without pictures, an output in the way. */
export class UsageError extends ArgumentError {}

/** Why a file operation failed, in words: "no such file" rather than "ENOENT: no such file or directory, open ...". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return (code !== undefined && REASONS[code]) || error.message.split("\n")[0];
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  ENOTDIR: "a file where a folder is needed",
  EISDIR: "a folder where a file is needed",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "a read-only file system",
  ENOSPC: "no space left on the device",
};
