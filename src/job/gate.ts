import { ArgumentError } from "../errors.ts";

/** When a finished job counts as passed. */
export interface Gate {
  /** "kept": share of float detections kept; "ap50": quantized minus float AP50, in points. */
  readonly rule: "kept" | "ap50";
  readonly limit: number;
}

/** Half of the float detections must survive. */
export const defaultGate: Gate = { rule: "kept", limit: 0.5 };

/**
 * Reads "kept=0.9" or "ap50=-1.0".
 *
 * Errors: ArgumentError on other text, or a share outside [0, 1].
 */
export function parseGate(text: string): Gate {
  const found = /^(kept|ap50)=(-?\d+(?:\.\d+)?)$/.exec(text.trim());
  if (!found) throw new ArgumentError("parseGate", `expected "kept=<share>" or "ap50=<points>", got "${text}"`);
  const limit = Number(found[2]);
  if (found[1] === "kept" && !(limit >= 0 && limit <= 1)) throw new ArgumentError("parseGate", `kept must be in [0, 1], got ${found[2]}`);
  return { rule: found[1] as Gate["rule"], limit };
}

/** The outcome, with one line that says what to try when it failed. */
export interface GateOutcome extends Gate {
  readonly value: number;
  readonly passed: boolean;
  readonly message: string;
}

/** Judges a value; `advice` says what to try where it failed. */
export function judge(gate: Gate, value: number, advice: string): GateOutcome {
  const passed = value >= gate.limit;
  const what =
    gate.rule === "kept" ? `${(100 * value).toFixed(1)} % of the float detections kept` : `AP50 changed by ${value.toFixed(2)} points`;
  const need = gate.rule === "kept" ? `${(100 * gate.limit).toFixed(1)} %` : `${gate.limit}`;
  return { ...gate, value, passed, message: passed ? `gate passed: ${what} (needed ${need})` : `gate: ${what}, needed ${need}; ${advice}` };
}

/** What to try where a quantized model fails its gate. */
export function adviceFor(weightBits: number, activationBits: number): string {
  if (activationBits < 8) return `try W${weightBits}A8, or leave the layers with the lowest SQNR in the report out with --exclude`;
  if (weightBits < 8) return `try W8A${activationBits}, or leave the layers with the lowest SQNR in the report out with --exclude`;
  return "look at the layers with the lowest SQNR in the report and leave them out with --exclude, or calibrate on pictures like those in use";
}
