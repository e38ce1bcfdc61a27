import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createServer } from "vite";
import { answerOf, inChromium } from "./chromium.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** What makes a page cross-origin isolated. */
export const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

const HTML = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><script type="module" src="/test/browser/${script}"></script>`;

/**
 * Opens a page with one module script of this folder in Chromium, all answers sent with `headers`, and returns what the
 * script posts to /result as JSON.
 */
export async function runInPage(script: string, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const cacheDir = mkdtempSync(join(tmpdir(), "inlierq-vite-"));
  const server = await createServer({
    root: ROOT,
    configFile: false,
    logLevel: "error",
    cacheDir,
    // A package found late would be bundled anew, and what the page has loaded by then thrown away.
    optimizeDeps: { noDiscovery: true, include: ["seedrandom", "zod"] },
    server: { host: "127.0.0.1", port: 0, hmr: false, watch: null, headers },
  });
  try {
    const answer = answerOf(script);
    server.middlewares.stack.unshift({
      route: "",
      handle: (request: IncomingMessage, response: ServerResponse, next: () => void) => {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        if (request.url === "/page") response.setHeader("Content-Type", "text/html").end(HTML(script));
        else if (request.url === "/result") answer.take(request, response);
        else next();
      },
    });
    await server.listen();
    const address = server.httpServer?.address();
    const port = typeof address === "object" && address ? address.port : 0;
    return await inChromium(`http://127.0.0.1:${port}/page`, answer.value);
  } finally {
    await server.close();
    rmSync(cacheDir, { recursive: true, force: true });
  }
}
