/** Posts what `f` returns, or the error it throws, to the test that opened this page. */
export async function report(f: () => unknown): Promise<void> {
  let result: unknown;
  try {
    result = await f();
  } catch (error) {
    result = { error: String(error) };
  }
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
}
