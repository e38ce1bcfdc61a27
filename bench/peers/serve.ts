import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Tensor } from "../../src/tensor/index.ts";
import type { Inputs } from "../problems.ts";
import { NOT_OFFERED, type Outputs, type Solution, type Solver, sampleOf } from "../solver.ts";
import { timeRound } from "../time.ts";
import { type Answer, type InputFile, MARK, type Request } from "./protocol.ts";

type Prepare = Extract<Request, { ask: "prepare" }>;

/** How a process makes a problem ready: the solution, already verified where the engine is ours, or why there is none. */
export type Prepared = (request: Prepare, inputs: Inputs) => Promise<Solution | string>;

/** Answers requests by an engine's solver. */
export function serve(version: string, solver: Solver): Promise<void> {
  return serveBy(version, async ({ spec }, inputs) => (await solver[spec.kind]?.(spec as never, inputs)) ?? NOT_OFFERED);
}

/** Answers requests until the input ends. */
export async function serveBy(version: string, prepared: Prepared): Promise<void> {
  let current: { id: string; solution: Solution } | undefined;
  const release = (): void => {
    current?.solution.release?.();
    current = undefined;
  };
  const answer = async (request: Request): Promise<Answer> => {
    if (request.ask === "prepare") {
      release();
      const solution = await prepared(request, read(request.inputs));
      if (typeof solution === "string") return { unable: solution };
      current = { id: request.id, solution };
      const outputs: Outputs = await solution.outputs();
      return { samples: outputs.map(sampleOf) };
    }
    if (request.ask === "measure") {
      if (!current) return { unable: "nothing is prepared" };
      return { round: await timeRound(current.id, () => current?.solution.run(), request.budget) };
    }
    release();
    return { released: true };
  };
  say({ version });
  for await (const line of createInterface({ input: process.stdin })) {
    say(await answer(JSON.parse(line) as Request).catch((error: unknown) => ({ unable: firstLine(error) })));
  }
  process.exit();
}

const say = (answer: Answer): void => {
  process.stdout.write(`${MARK}${JSON.stringify(answer)}\n`);
};

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 200);

function read(files: Readonly<Record<string, InputFile>>): Inputs {
  return Object.fromEntries(
    Object.entries(files).map(([name, { file, shape, dtype }]) => {
      const bytes = readFileSync(file);
      const start = bytes.byteOffset;
      const { buffer } = bytes.byteOffset % 8 === 0 ? bytes : { buffer: bytes.buffer.slice(start, start + bytes.length) };
      const offset = buffer === bytes.buffer ? start : 0;
      const data =
        dtype === "f64" ? new Float64Array(buffer, offset, bytes.length / 8) : new Float32Array(buffer, offset, bytes.length / 4);
      return [name, new Tensor(shape, dtype, data)];
    }),
  );
}
