/** The laws our quantizers obey, applied to three that get it wrong: what broke, and the smallest input that shows it. */
import { pathToFileURL } from "node:url";
import { checkLaws, LawError, perChannelLaws, type UniformQuantizer, uniformLaws } from "../src/laws/index.ts";

const clip = (code: number): number => Math.min(15, Math.max(0, code));
const quantizer = (parts: Pick<UniformQuantizer, "name" | "fakeQuant"> & Partial<UniformQuantizer>): UniformQuantizer => ({
  ...{ qmin: 0, qmax: 15, scale: [0.25], zeroPoint: [6] },
  ...parts,
});

/** Math.round rounds half up: 0.5 becomes 1 where ONNX and torch say 0. */
const halfUp = quantizer({
  name: "half up",
  fakeQuant: (x) => x.map((v) => (clip(Math.round(v / 0.25) + 6) - 6) * 0.25),
});

/** The grid starts at the minimum -1.45, so no code means zero: padding and ReLU become something else. */
const offset = quantizer({
  name: "offset",
  fakeQuant: (x) => x.map((v) => clip(Math.floor((v + 1.45) / 0.25 + 0.5)) * 0.25 - 1.45),
});

/** One scale a channel of axis 1, looked up as if channels were the last axis. */
const scales = [0.25, 1];
const wrongAxis = quantizer({
  ...{ name: "wrong axis", axis: 1, scale: scales, zeroPoint: [6, 6] },
  fakeQuant: (x) => x.map((v, i) => (clip(Math.round(v / scales[i % 2]) + 6) - 6) * scales[i % 2]),
});

export function run() {
  return [halfUp, offset, wrongAxis].map((subject) => {
    try {
      checkLaws(subject, [...perChannelLaws, ...uniformLaws], { seed: 1 });
      throw new Error(`${subject.name} must break a law`);
    } catch (error) {
      if (!(error instanceof LawError)) throw error;
      console.log(error.message);
      return { broken: error.law, by: error.counterexample };
    }
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) run();
