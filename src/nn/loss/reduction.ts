import { mean, sum, type Tensor } from "../../tensor/index.ts";

/** What becomes of a loss per element: kept, averaged or summed over everything. */
export type Reduction = "none" | "mean" | "sum";

/** Applies a reduction; "mean" and "sum" give a scalar. Definition: ours, with the names of PyTorch. */
export function reduceLoss(loss: Tensor, reduction: Reduction): Tensor {
  if (reduction === "none") return loss;
  return reduction === "mean" ? mean(loss) : sum(loss);
}
