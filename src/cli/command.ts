import { parseArgs } from "node:util";
import { UsageError } from "../node/index.ts";
import { nearest } from "../suggest.ts";
import type { Io } from "./io.ts";

/** One flag of a command. */
export interface Flag {
  readonly type: "string" | "boolean";
  /** What stands for the value in the help, e.g. "DIR". */
  readonly value?: string;
  readonly about: string;
  readonly required?: true;
  /** May be given more than once. */
  readonly multiple?: true;
  /** Shown in the help. */
  readonly fallback?: string;
}

/** Flags as given: absent ones are undefined. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Invocation {
  readonly operands: readonly string[];
  readonly values: Values;
  /** Threads to work on. */
  readonly threads: number;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** A subcommand. `run` returns the exit code. */
export interface Command {
  readonly name: string;
  readonly about: string;
  /** E.g. ["MODEL"]; a trailing "..." takes one or more, and one in brackets, at the end, may be left out. */
  readonly operands: readonly string[];
  readonly flags: Readonly<Record<string, Flag>>;
  readonly examples: readonly string[];
  run(invocation: Invocation): Promise<number>;
}

/** How many threads a command computes on; `main` starts them. */
export const THREADS: Flag = {
  type: "string",
  value: "N",
  about: "threads to compute on; the results are the same",
  fallback: "all cores",
};

/** Which kernels a command that only looks at models runs; `main` chooses them. */
export const KERNELS: Flag = {
  type: "string",
  value: "NAME",
  about: "auto, relaxed (fused multiply-add: faster, last bits depend on the machine) or reference (plain loops)",
  fallback: "auto",
};

const HELP: Flag = { type: "boolean", about: "show this help" };

/**
 * Reads the words after the command's name. Values stay text as typed.
 *
 * Errors: UsageError for an unknown flag (with the nearest known one), a missing value, flag or operand, or a surplus operand.
 */
export function parseInvocation(command: Command, argv: readonly string[]): { operands: string[]; values: Values } {
  const flags: Record<string, Flag> = { ...command.flags, help: HELP };
  const usage = (problem: string): UsageError => new UsageError(command.name, `${problem} (inlierq ${command.name} --help)`);
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, multiple = false }]) => [name, { type, multiple, ...(name === "help" && { short: "h" }) }]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const operands: string[] = [];
  const values: Record<string, string | boolean | string[]> = {};
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const negated = !Object.hasOwn(flags, token.name) && token.name.startsWith("no-");
    const name = negated ? token.name.slice(3) : token.name;
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag || (negated && flag.type !== "boolean")) {
      const guess = nearest(token.name, Object.keys(flags));
      throw usage(`flags must be known, got ${token.rawName}${guess ? `; did you mean --${guess}?` : ""}`);
    }
    if (flag.type === "boolean") {
      if (token.value !== undefined) throw usage(`--${name} must stand alone, got "${token.value}"`);
      values[name] = !negated;
      continue;
    }
    const spaced = token.value?.startsWith("-") && !token.inlineValue;
    if (token.value === undefined || token.value === "" || spaced) {
      throw usage(
        `--${name} must have a value ${flag.value ?? ""}, got ${spaced ? `${token.value} (write --${name}=${token.value} if it is meant)` : "none"}`,
      );
    }
    values[name] = flag.multiple ? [...((values[name] as string[] | undefined) ?? []), token.value] : token.value;
  }
  if (values.help !== true) requireAll(command, operands, values, usage);
  return { operands, values };
}

function requireAll(command: Command, operands: readonly string[], values: Values, usage: (problem: string) => UsageError): void {
  const wanted = command.operands;
  const open = wanted.at(-1)?.endsWith("...") === true;
  const needed = wanted.filter((name) => !name.startsWith("["));
  if (operands.length < needed.length)
    throw usage(`${needed.join(" ")} must be given, got ${operands.length === 0 ? "nothing" : operands.join(" ")}`);
  if (!open && operands.length > wanted.length) {
    throw usage(
      `takes ${wanted.length} operand${wanted.length === 1 ? "" : "s"} (${wanted.join(" ") || "none"}), got "${operands[wanted.length]}" as well`,
    );
  }
  for (const [name, flag] of Object.entries(command.flags)) {
    if (flag.required && values[name] === undefined) throw usage(`--${name} ${flag.value ?? ""} must be given, got none`);
  }
}

/** What may stand for an operand. */
const OPERANDS: Readonly<Record<string, string>> = {
  MODEL: "an .onnx file, a tfjs model.json, or npm:PACKAGE/PATH for a file of an installed package",
  STUDY:
    "toy (Reg-PTQ Sec. 3: weight noise, scales, form of the weights and curvature of two small nets) or controls (InlierQ against masks drawn by chance and other controls, on your MODEL)",
};

/** The help page of a command. */
export function helpOf(command: Command): string {
  const required = Object.entries(command.flags).filter(([, f]) => f.required);
  const usage = [...command.operands, ...required.map(([name, f]) => `--${name} ${f.value}`), "[options]"].join(" ");
  const rows = Object.entries({ ...command.flags, help: HELP }).map(([name, flag]) => {
    const left = `--${name}${flag.type === "string" ? ` ${flag.value}` : ""}`;
    return [left, `${flag.about}${flag.fallback === undefined ? "" : ` (default ${flag.fallback})`}`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `${command.about}`,
    "",
    `usage: inlierq ${command.name} ${usage}`,
    ...command.operands.flatMap((name) => (Object.hasOwn(OPERANDS, name) ? [`  ${name}: ${OPERANDS[name]}`] : [])),
    "",
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    "",
    "examples:",
    ...command.examples.map((e) => `  ${e}`),
    "",
  ].join("\n");
}
