/** Where a command reads its surroundings and writes its words; tests pass their own. */
export interface Io {
  /** Results. */
  out(text: string): void;
  /** Progress and errors. */
  err(text: string): void;
  /** Whether `err` is a terminal that can redraw a line. */
  readonly interactive: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The process's own streams. */
export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  interactive: process.stderr.isTTY === true,
  env: process.env,
};

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, belowGate: 3 } as const;
