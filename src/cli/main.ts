import { AbortError, InlierqError } from "../errors.ts";
import { startThreads, UsageError } from "../node/index.ts";
import { shownName, visible } from "../shown.ts";
import { nearest } from "../suggest.ts";
import { type KernelPolicy, kernelPolicy, setKernelPolicy } from "../tensor/index.ts";
import { VERSION } from "../version.ts";
import { benchCommand } from "./bench.ts";
import { type Command, helpOf, parseInvocation } from "./command.ts";
import { compareCommand } from "./compare.ts";
import { demoCommand } from "./demo.ts";
import { evalCommand } from "./eval.ts";
import { inferCommand } from "./infer.ts";
import { inspectCommand } from "./inspect.ts";
import { EXIT, type Io, processIo } from "./io.ts";
import { methodsCommand } from "./methods.ts";
import { quantizeCommand } from "./quantize.ts";
import { reproduceCommand } from "./reproduce.ts";
import { InterruptedError } from "./resumption.ts";
import { sensitivityCommand } from "./sensitivity.ts";
import { sweepCommand } from "./sweep.ts";
import { columns } from "./text.ts";
import { wholeOf, wordOf } from "./values.ts";

const COMMANDS: readonly Command[] = [
  inspectCommand,
  methodsCommand,
  quantizeCommand,
  sensitivityCommand,
  evalCommand,
  sweepCommand,
  compareCommand,
  inferCommand,
  benchCommand,
  demoCommand,
  reproduceCommand,
];

const POLICIES: readonly KernelPolicy[] = ["auto", "relaxed", "reference"];

/** The words of a process and its surroundings in, its exit code out; nothing is thrown. */
export async function main(argv: readonly string[], io: Io = processIo): Promise<number> {
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    return await dispatch(argv, io, abort.signal);
  } catch (error) {
    io.err(`${lineOf(error, io)}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

async function dispatch(argv: readonly string[], io: Io, signal: AbortSignal): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    io.out(overview());
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  if (name === "--version" || name === "-v") {
    io.out(`${VERSION}\n`);
    return EXIT.done;
  }
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) {
    const names = COMMANDS.map((c) => c.name);
    const guess = nearest(name, names);
    throw new UsageError("inlierq", `commands are ${names.join(", ")}, got "${name}"${guess ? `; did you mean ${guess}?` : ""}`);
  }
  const { operands, values } = parseInvocation(command, rest);
  if (values.help === true) {
    io.out(helpOf(command));
    return EXIT.done;
  }
  const before = kernelPolicy();
  const kernels = wordOf(values, "kernels", POLICIES) ?? before;
  const pool = command.flags.threads ? startThreads(wholeOf(values, "threads", 1, 256)) : undefined;
  try {
    setKernelPolicy(kernels);
    return await command.run({ operands, values, threads: pool?.threads ?? 1, io, signal });
  } finally {
    setKernelPolicy(before);
    pool?.close();
  }
}

function overview(): string {
  return [
    `inlierq ${VERSION}: quantize object detectors after training`,
    "",
    "usage: inlierq COMMAND [options]",
    "",
    columns(
      COMMANDS.map((c) => [`  ${c.name}`, c.about]),
      "words",
    ),
    "",
    "inlierq COMMAND --help shows the options of a command.",
    "exit codes: 0 done, 1 failed, 2 wrong use, 3 finished but below the gate",
    "",
  ].join("\n");
}

/** One line for the person: the message of an error we meant, with the stack only for a defect of ours. */
function lineOf(error: unknown, io: Io): string {
  if (error instanceof InterruptedError) return error.message;
  if (error instanceof AbortError) return "aborted, nothing was written";
  if (error instanceof InlierqError) return `error: ${error.message}`;
  if (!(error instanceof Error)) return `error: ${visible(String(error))}`;
  return io.env.INLIERQ_DEBUG
    ? `error: ${error.stack}`
    : `error: unexpected ${error.name}: ${shownName(error.message.split("\n")[0], 1000)} (INLIERQ_DEBUG=1 shows where)`;
}
