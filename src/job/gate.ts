import { ArgumentError } from "../errors.ts";

/** What a gate compares, and how its value is said. */
interface Rule {
  /** What stands for the limit in "<rule>=<limit>". */
  readonly limit: string;
  /** Whether the model must be a detector. */
  readonly detections: boolean;
  /** The outcome in words. */
  outcome(value: number): string;
  /** The limit in words. */
  need(limit: number): string;
}

const RULES = {
  kept: {
    limit: "share",
    detections: true,
    outcome: (value) => `${(100 * value).toFixed(1)} % of the float detections kept`,
    need: (limit) => `${(100 * limit).toFixed(1)} %`,
  },
  ap50: {
    limit: "points",
    detections: true,
    outcome: (value) => `AP50 changed by ${value.toFixed(2)} points`,
    need: (limit) => `${limit}`,
  },
  sqnr: {
    limit: "dB",
    detections: false,
    outcome: (value) => `lowest SQNR of an output ${value.toFixed(1)} dB`,
    need: (limit) => `${limit} dB`,
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** When a finished job counts as passed. */
export interface Gate {
  /**
   * "kept": share of float detections kept; "ap50": quantized minus float AP50, in points; "sqnr": the lowest SQNR of an
   * output against the float network over all samples, in dB.
   */
  readonly rule: keyof typeof RULES;
  readonly limit: number;
}

/** Half of the float detections must survive. */
export const defaultGate: Gate = { rule: "kept", limit: 0.5 };

/** Without detections: the error of every output holds at most a tenth of its energy. */
export const outputGate: Gate = { rule: "sqnr", limit: 10 };

/** Whether a gate compares detections, which only a network with a detector card has. */
export const comparesDetections = ({ rule }: Gate): boolean => RULES[rule].detections;

/**
 * Reads "kept=0.9", "ap50=-1.0" or "sqnr=20".
 *
 * Errors: ArgumentError on other text, or a share outside [0, 1].
 */
export function parseGate(text: string): Gate {
  const found = /^([a-z0-9]+)=(-?\d+(?:\.\d+)?)$/.exec(text.trim());
  if (!found || !Object.hasOwn(RULES, found[1])) {
    const forms = Object.entries(RULES).map(([rule, { limit }]) => `"${rule}=<${limit}>"`);
    throw new ArgumentError("parseGate", `expected ${forms.slice(0, -1).join(", ")} or ${forms.at(-1)}, got "${text}"`);
  }
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
  const what = RULES[gate.rule].outcome(value);
  const need = RULES[gate.rule].need(gate.limit);
  return { ...gate, value, passed, message: passed ? `gate passed: ${what} (needed ${need})` : `gate: ${what}, needed ${need}; ${advice}` };
}

/** What a job did that its advice depends on. */
export interface Attempt {
  readonly weightBits: number;
  readonly activationBits: number;
  /** Whether weights were learned. */
  readonly learns: boolean;
  /** Whether the tensors that do most damage had more bits. */
  readonly promotes: boolean;
}

/** What to try where a quantized model fails its gate. */
export function adviceFor({ weightBits, activationBits, learns, promotes }: Attempt): string {
  const ways = [
    ...(weightBits < 8 && !learns ? ["weights that are learned (--method adaround)"] : []),
    ...(activationBits < 8 && !promotes ? ["8 bits for the tensors that do most damage (--promote 0.25)"] : []),
    ...(activationBits < 8 ? [`W${weightBits}A8`] : weightBits < 8 ? [`W8A${activationBits}`] : []),
    "to leave the layers with the lowest SQNR in the report out (--exclude)",
    ...(weightBits >= 8 && activationBits >= 8 ? ["to calibrate on pictures like those in use"] : []),
  ];
  return `try ${ways.slice(0, -1).join(", ")} or ${ways.at(-1)}`;
}
