import { ArgumentError } from "../errors.ts";

const MILLISECONDS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a duration: "90s", "10m" or "1.5h", or a number of seconds.
 *
 * Errors: ArgumentError for anything else, and for nothing or less.
 */
export function parseDuration(duration: string | number, where: string): number {
  const found = /^(\d+(?:\.\d+)?)([smh])$/.exec(typeof duration === "number" ? `${duration}s` : duration);
  const milliseconds = found ? Number(found[1]) * MILLISECONDS[found[2]] : 0;
  if (milliseconds > 0 && Number.isFinite(milliseconds)) return milliseconds;
  throw new ArgumentError(where, `must be a time such as 90s, 10m or 1h, got ${JSON.stringify(duration)}`);
}
