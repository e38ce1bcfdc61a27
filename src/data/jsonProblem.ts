import { visible } from "../shown.ts";

/** What is wrong with a JSON text and where, in one line: the engine's words, in which it quotes the text. */
export function jsonProblem(error: unknown, text: string): string {
  const message = visible((error as Error).message);
  return /end of JSON input/.test(message) ? `${message} at position ${text.length}` : message;
}
