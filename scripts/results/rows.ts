import type { QuantizeOptions } from "../../src/job/index.ts";
import { DETECTORS } from "./models.ts";

/** One run to measure: a model, a method, a scheme, and what departs from the defaults. */
export interface Row {
  readonly id: string;
  readonly model: string;
  readonly method: "float" | "minmax" | "mse" | "inlierq";
  readonly scheme: string;
  /** What the table calls the departure; "" for the defaults. */
  readonly variant: string;
  readonly options: Partial<QuantizeOptions>;
  /** Whether the export is also run in onnxruntime-web. */
  readonly agreement: boolean;
}

export const METHODS = ["minmax", "mse", "inlierq"] as const;
const AGREEMENT = ["W8A8", "W6A6", "W4A8"];

/** Every row of the results, in the order of the table. */
export const ROWS: readonly Row[] = DETECTORS.flatMap(({ name: model, schemes, variants }) => {
  const row = (method: Row["method"], scheme: string, variant = "", options: Row["options"] = {}): Row => ({
    id: [model, method, scheme, variant.replace(/\W+/g, "-")].filter((part) => part !== "").join("."),
    model,
    method,
    scheme,
    variant,
    options,
    agreement: method === "inlierq" && variant === "" && AGREEMENT.includes(scheme),
  });
  return [
    row("float", ""),
    ...schemes.flatMap((scheme) => METHODS.map((method) => row(method, scheme))),
    ...(variants
      ? [
          row("inlierq", "W8A8", "per-tensor depthwise activations", { perChannelDepthwise: false }),
          row("inlierq", "W4A8", "no bias correction", { biasCorrection: false }),
        ]
      : []),
  ];
});
