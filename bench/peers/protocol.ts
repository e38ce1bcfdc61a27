import { spawn } from "node:child_process";
import type { Spec } from "../problems.ts";
import type { Sample } from "../solver.ts";
import type { Round } from "../statistics.ts";

/** Where the values of an input lie: raw numbers, row-major. */
export interface InputFile {
  readonly file: string;
  readonly shape: readonly number[];
  readonly dtype: "f32" | "f64";
}

/** What the benchmark asks of an engine's process, one JSON object a line. */
export type Request =
  | { readonly ask: "prepare"; readonly id: string; readonly spec: Spec; readonly inputs: Readonly<Record<string, InputFile>> }
  | { readonly ask: "measure"; readonly budget: number }
  | { readonly ask: "release" };

/** What it answers; `unable` says why it cannot. */
export type Answer =
  | { readonly version: string }
  | { readonly samples: readonly Sample[] }
  | { readonly round: Round }
  | { readonly released: true }
  | { readonly unable: string };

/** Begins the lines that are answers: libraries print to the same stream. */
export const MARK = "answer ";

type Field<A> = A extends unknown ? keyof A : never;
/** The answer that has a field, or why there is none. */
export type Answered<K extends Field<Answer>> = Extract<Answer, Readonly<Record<K, unknown>>> | { readonly unable: string };

/** An engine in a process of its own that answers one request at a time. It ends where it keeps one waiting too long. */
export class EngineProcess {
  readonly #child;
  readonly #patience: number;
  #buffer = "";
  #errors = "";
  #ended: string | undefined;
  #waiting: ((answer: Answer) => void) | undefined;

  /** `patience`: seconds to wait for an answer. */
  constructor(command: readonly string[], env: Readonly<Record<string, string>>, patience: number) {
    this.#patience = patience;
    const [program, ...words] = command;
    this.#child = spawn(program!, words, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    this.#child.stdin.on("error", (error) => this.#end(error.message));
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("exit", (code, signal) => this.#end(`the process ended (${signal ?? code}) ${lastLine(this.#errors)}`.trim()));
  }

  /** The version the engine reports once it has started. */
  started(): Promise<Answered<"version">> {
    return this.#next();
  }

  async prepare(id: string, spec: Spec, inputs: Readonly<Record<string, InputFile>>): Promise<Answered<"samples">> {
    return this.#ask({ ask: "prepare", id, spec, inputs });
  }

  async measure(budget: number): Promise<Answered<"round">> {
    return this.#ask({ ask: "measure", budget });
  }

  async release(): Promise<Answered<"released">> {
    return this.#ask({ ask: "release" });
  }

  /** Ends the process. */
  close(): void {
    this.#child.kill();
  }

  #ask<A extends Answer>(request: Request): Promise<A> {
    if (this.#ended === undefined) this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.#next();
  }

  #next<A extends Answer>(): Promise<A> {
    return new Promise((resolve) => {
      if (this.#ended !== undefined) return resolve({ unable: this.#ended } as A);
      const timer = setTimeout(() => {
        this.#end(`no answer within ${this.#patience} s`);
        this.close();
      }, 1000 * this.#patience);
      this.#waiting = (answer) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(answer as A);
      };
    });
  }

  #read(text: string): void {
    this.#buffer += text;
    for (let end = this.#buffer.indexOf("\n"); end >= 0; end = this.#buffer.indexOf("\n")) {
      const line = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 1);
      if (line.startsWith(MARK)) this.#waiting?.(JSON.parse(line.slice(MARK.length)) as Answer);
    }
  }

  #end(why: string): void {
    this.#ended ??= why;
    this.#waiting?.({ unable: this.#ended });
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
