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

/** Streams whose errors are listened to. */
const heard = new WeakSet<NodeJS.WriteStream>();

/** A reader that has gone away, as the one of `| head` does, does not end the work: its files are still wanted. */
function write(stream: NodeJS.WriteStream, text: string): void {
  if (!heard.has(stream)) {
    heard.add(stream);
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  stream.write(text);
}

/** The process's own streams. */
export const processIo: Io = {
  out: (text) => write(process.stdout, text),
  err: (text) => write(process.stderr, text),
  interactive: process.stderr.isTTY === true,
  env: process.env,
};

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, belowGate: 3 } as const;
