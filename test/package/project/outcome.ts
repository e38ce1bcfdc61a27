import type { QuantizeOptions, QuantizeResult } from "inlierq";

/** What Node and the page are asked for: InlierQ at 8 bits. */
export const OPTIONS = { name: "demo", scheme: "W8A8", method: "inlierq", seed: 7 } satisfies Omit<QuantizeOptions, "samples">;

/** Generated scenes both calibrate on. */
export const SCENES = 6;

/** The exported bytes in hexadecimal and the record, as JSON can carry them. */
export function outcomeOf({ onnx, record }: QuantizeResult): { onnx: string; record: string } {
  return { onnx: Array.from(onnx, (byte) => byte.toString(16).padStart(2, "0")).join(""), record: JSON.stringify(record) };
}
