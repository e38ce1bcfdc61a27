import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createServer } from "vite";

/** Debian's Chromium, or the one named by CHROMIUM. */
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const hasChromium = existsSync(CHROMIUM);

const ROOT = resolve(import.meta.dirname, "../..");
const PATIENCE_MS = 55_000;

/** What makes a page cross-origin isolated. */
export const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((done) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => done(text));
  });
}

const HTML = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><script type="module" src="/test/browser/${script}"></script>`;

/**
 * Opens a page with one module script of this folder in Chromium, all answers sent with `headers`, and returns what the
 * script posts to /result as JSON.
 */
export async function runInPage(script: string, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), "inlierq-chromium-"));
  const server = await createServer({
    root: ROOT,
    configFile: false,
    logLevel: "error",
    cacheDir: join(profile, "vite"),
    // A package found late would be bundled anew, and what the page has loaded by then thrown away.
    optimizeDeps: { noDiscovery: true, include: ["seedrandom", "zod"] },
    server: { host: "127.0.0.1", port: 0, hmr: false, watch: null, headers },
  });
  let browser: ChildProcess | undefined;
  try {
    const result = new Promise<string>((done, fail) => {
      setTimeout(() => fail(new Error(`${script}: the page must answer within ${PATIENCE_MS / 1000} s, got nothing`)), PATIENCE_MS).unref();
      server.middlewares.stack.unshift({
        route: "",
        handle: (request: IncomingMessage, response: ServerResponse, next: () => void) => {
          for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          if (request.url === "/page") response.setHeader("Content-Type", "text/html").end(HTML(script));
          else if (request.url !== "/result") next();
          else {
            void bodyOf(request).then((text) => {
              response.end();
              done(text);
            });
          }
        },
      });
    });
    await server.listen();
    const address = server.httpServer?.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--user-data-dir=${profile}`];
    browser = spawn(CHROMIUM, [...flags, `http://127.0.0.1:${port}/page`], { stdio: "ignore", detached: true });
    return JSON.parse(await result);
  } finally {
    // A browser is a group of processes that all write into the profile.
    const ended = new Promise((done) => (browser ? browser.once("exit", done) : done(0)));
    if (browser?.pid) process.kill(-browser.pid, "SIGKILL");
    await ended;
    await server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
