import { expect, test } from "vitest";
import { bytesOf } from "../../src/job/recordOf.ts";
import { additivePowerOfTwo, type Calibration, type GraphModel, makeScheme, withLevels } from "../../src/quant/index.ts";
import { convStack, planOf, rangeOf } from "../quant/integer/plans.ts";

test("bytes count codes, scales and the table of levels", () => {
  const { graph, x } = convStack({ layers: 1, channels: 4, size: 6, batch: 1 });
  const w = graph.parameters.get("w0")!;
  const scheme = makeScheme({ bits: 4, signed: true, mapping: "symmetricHalf", axis: 0 });
  const params = additivePowerOfTwo.init(rangeOf(w, 0), scheme, w);
  const plan = withLevels(planOf(graph, x), "w0", w, { quantizer: additivePowerOfTwo, params, scheme });
  const { before, after } = bytesOf({ graph } as GraphModel, { plan } as Calibration);
  expect(before).toBe(4 * (144 + 4));
  // 144 codes of 4 bits, 4 scales, 15 levels, and the float bias.
  expect(after).toBe(72 + 4 * 4 + 4 * 15 + 4 * 4);
});
