/** Tensors, operations, and the derivative of anything a computation saw. */
import { pathToFileURL } from "node:url";
import { record } from "../src/autograd/index.ts";
import { conv2d, mean, relu, square, tensor } from "../src/tensor/index.ts";

export function run() {
  const image = tensor([
    [
      [
        [0, 0, 0, 0],
        [0, 1, 2, 0],
        [0, 3, 4, 0],
        [0, 0, 0, 0],
      ],
    ],
  ]);
  const edges = tensor([
    [
      [
        [-1, 0, 1],
        [-2, 0, 2],
        [-1, 0, 1],
      ],
    ],
  ]);

  // Everything computed inside `record` is kept in order; tensors are never changed.
  const { value, tape } = record(() => {
    const response = conv2d(image, edges, { padding: 1 });
    const positive = relu(response);
    return { positive, loss: mean(square(positive)) };
  });

  // Derivatives with respect to any tensor on the tape, also one in the middle: no hooks, no flags.
  const [byImage, byPositive] = tape.vjp(value.loss, [image, value.positive]);

  console.log(tape.toString());
  console.log(`loss ${value.loss}`);
  console.log(`d loss / d positive ${byPositive}`);
  return {
    steps: tape.entries.map((entry) => entry.def.name),
    loss: value.loss.data[0],
    gradientOfImage: [...(byImage?.data ?? [])],
    gradientInTheMiddle: [...(byPositive?.data ?? [])],
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) run();
