import { describe, expect, test } from "vitest";
import { hasChromium } from "./chromium.ts";
import { ISOLATED, runInPage } from "./page.ts";
import { floatWork, integerWork } from "./work.ts";

describe.skipIf(!hasChromium)("in a page (needs Chromium)", () => {
  test("an isolated page computes on two threads, with the bits of Node", async () => {
    expect(await runInPage("compute.page.ts", ISOLATED)).toEqual({
      ...{ isolated: true, ready: 1, problem: null },
      ...{ float: floatWork(), integer: integerWork() },
    });
  });

  test("any other page does so on one", async () => {
    expect(await runInPage("compute.page.ts", {})).toEqual({
      ...{ isolated: false, ready: 0, problem: null },
      ...{ float: floatWork(), integer: integerWork() },
    });
  });

  test("an isolated page that forbids workers goes on without", async () => {
    const found = await runInPage("compute.page.ts", { ...ISOLATED, "Content-Security-Policy": "worker-src 'none'" });
    expect(found).toMatchObject({ isolated: true, ready: 0, problem: null, float: floatWork() });
  });

  test("a page that forbids WebAssembly runs the reference loops, and integers say why they cannot", async () => {
    const found = await runInPage("compute.page.ts", { ...ISOLATED, "Content-Security-Policy": "script-src 'self'; worker-src blob:" });
    const { eager, replayed } = (found as { float: ReturnType<typeof floatWork> }).float;
    expect(replayed).toEqual([eager, eager, eager]);
    expect(found).toMatchObject({
      problem: expect.stringMatching(/^a policy that forbids WebAssembly \(.+\)$/),
      integer: expect.stringMatching(/^StateError: instantiate: the runtime must run WebAssembly with SIMD, got a policy that forbids/),
    });
  });
});
