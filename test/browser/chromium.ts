import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian's Chromium, or the one named by CHROMIUM. */
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const hasChromium = existsSync(CHROMIUM);

const PATIENCE_MS = 55_000;

/** The answer of one page: a handler of its POST to /result, and what it held. */
export interface Answer {
  readonly take: (request: IncomingMessage, response: ServerResponse) => void;
  readonly value: Promise<unknown>;
}

/** Waits for the JSON a page posts. Errors: when none has come within 55 s. */
export function answerOf(page: string): Answer {
  let done: (text: string) => void = () => {};
  const text = new Promise<string>((resolve, fail) => {
    done = resolve;
    setTimeout(() => fail(new Error(`${page}: the page must answer within ${PATIENCE_MS / 1000} s, got nothing`)), PATIENCE_MS).unref();
  });
  const take: Answer["take"] = (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    request.on("end", () => {
      response.end();
      done(body);
    });
  };
  return { take, value: text.then((json) => JSON.parse(json) as unknown) };
}

/** Opens `url` in a headless Chromium of its own until `value` has come. */
export async function inChromium<T>(url: string, value: Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), "inlierq-chromium-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--user-data-dir=${profile}`];
  const browser: ChildProcess = spawn(CHROMIUM, [...flags, url], { stdio: "ignore", detached: true });
  try {
    return await value;
  } finally {
    // A browser is a group of processes that all write into the profile.
    const ended = new Promise((done) => browser.once("exit", done));
    if (browser.pid) process.kill(-browser.pid, "SIGKILL");
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
