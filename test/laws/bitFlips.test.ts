import { expect, test } from "vitest";
import { InlierqError } from "../../src/errors.ts";
import { bytesAsked } from "./hostile/allocations.ts";
import { damaged } from "./hostile/damage.ts";
import { FILE_FORMATS } from "./hostile/formats.ts";

/** Damaged copies of every file. */
const COPIES = 10_000;
/** What reading a small file may set aside, and how long it may take. */
const LIMITS = { bytes: 2 ** 28, milliseconds: 2000 } as const;

const ONE_LINE = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]{1,3000}$/u;

test.each(FILE_FORMATS)("damage to $name is refused in one line, or what was read holds together", ({ name, sample, read, repair }) => {
  read(sample);
  const counts = { refused: 0, read: 0 };
  for (let i = 0; i < COPIES; i++) {
    const copy = damaged(sample, `${name}/${i}`);
    const bytes = repair ? repair(copy) : copy;
    if (!bytes) continue;
    const start = performance.now();
    const asked = bytesAsked(() => {
      try {
        read(bytes);
        counts.read++;
      } catch (error) {
        if (!(error instanceof InlierqError)) throw new Error(`copy ${i} must be refused by an error of ours`, { cause: error });
        counts.refused++;
        if (!ONE_LINE.test(error.message)) expect.fail(`copy ${i} must be refused in one line, got ${JSON.stringify(error.message)}`);
      }
    });
    if (asked > LIMITS.bytes) expect.fail(`copy ${i} must ask for at most ${LIMITS.bytes} bytes, got ${asked} (of ${bytes.length} bytes)`);
    const took = performance.now() - start;
    if (took > LIMITS.milliseconds) expect.fail(`copy ${i} must be read in ${LIMITS.milliseconds} ms, got ${took}`);
  }
  if (process.env.INLIERQ_COUNTS) console.log(`${name}: ${sample.length} bytes, ${counts.refused} refused, ${counts.read} read`);
  expect(counts.refused).toBeGreaterThan(COPIES / 10);
});
