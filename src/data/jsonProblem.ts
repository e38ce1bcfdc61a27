/** What is wrong with a JSON text and where, in one line: the engine's words without the line breaks it quotes. */
export function jsonProblem(error: unknown, text: string): string {
  const message = (error as Error).message.replace(/\p{Cc}+/gu, " ");
  return /end of JSON input/.test(message) ? `${message} at position ${text.length}` : message;
}
