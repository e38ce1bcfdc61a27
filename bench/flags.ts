import { spawnSync } from "node:child_process";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { ArgumentError, InlierqError } from "../src/errors.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: O; allowPositionals: true }>>["values"];

/** Parsed flags. Errors: ArgumentError that lists the flags there are. */
export function flagsOf<O extends Options>(where: string, argv: readonly string[], options: O): Values<O> {
  const { values, words } = flagsAndWordsOf(where, argv, options);
  if (words.length > 0) throw new ArgumentError(where, `flags must be among ${listOf(options)}, got the word "${words[0]}"`);
  return values;
}

/** Parsed flags and the plain words between them. Errors: ArgumentError that lists the flags there are. */
export function flagsAndWordsOf<O extends Options>(
  where: string,
  argv: readonly string[],
  options: O,
): { values: Values<O>; words: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    return { values: values as Values<O>, words: positionals };
  } catch (error) {
    const [problem] = (error as Error).message.split(". ");
    throw new ArgumentError(where, `flags must be among ${listOf(options)}, got: ${problem}`);
  }
}

const listOf = (options: Options): string =>
  Object.keys(options)
    .map((name) => `--${name}`)
    .join(", ");

/** The items whose name contains one of the words; all where there are none. Errors: ArgumentError where nothing is left. */
export function withWords<T>(where: string, items: readonly T[], words: readonly string[], nameOf: (item: T) => string): readonly T[] {
  const kept = items.filter((item) => words.length === 0 || words.some((word) => nameOf(item).includes(word)));
  if (kept.length > 0) return kept;
  throw new ArgumentError(where, `words must be part of a row's name, got ${words.map((word) => `"${word}"`).join(" ")}`);
}

/** A whole number of at least `least`. Errors: ArgumentError. */
export function countOf(where: string, flag: string, text: string, least = 1): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new ArgumentError(where, `--${flag} must be a whole number >= ${least}, got "${text}"`);
}

/**
 * Runs a script again, with the same flags, under the Node that `--node PATH` names; its exit code, or undefined where no
 * other Node is asked for. Errors: ArgumentError where PATH does not start.
 */
export function underOtherNode(where: string, script: string, argv: readonly string[], node: string | undefined): number | undefined {
  if (node === undefined) return undefined;
  const rest = argv.filter((word, i) => word !== "--node" && argv[i - 1] !== "--node" && !word.startsWith("--node="));
  const child = spawnSync(node, ["--import", import.meta.resolve("tsx"), script, ...rest], { stdio: "inherit" });
  if (child.error) throw new ArgumentError(where, `--node must name a Node program, got "${node}" (${child.error.message})`);
  return child.status ?? 1;
}

/** Runs the body of a script; an error of the library ends it in one line and exit code 2. */
export async function script(body: () => unknown): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof InlierqError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
