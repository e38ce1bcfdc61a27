/** A network is a frozen module; training is a function from parameters to better parameters. */
import { pathToFileURL } from "node:url";
import { Activation, adam, bceWithLogits, Linear, minimize, parameters, Sequential, withParameters } from "../src/nn/index.ts";
import { Rng, sigmoid, tanh, tensor } from "../src/tensor/index.ts";

export function run() {
  // Exclusive or: no straight line separates it.
  const x = tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const t = tensor([[0], [1], [1], [0]]);

  const rng = new Rng(0);
  const net = new Sequential([Linear.init(2, 8, rng.split("hidden")), new Activation(tanh), Linear.init(8, 1, rng.split("out"))]);

  const { params, losses } = minimize(
    (current) => bceWithLogits(withParameters(net, current).forward(x), t),
    parameters(net),
    { optimizer: adam(), lr: 0.05, steps: 200, keepBest: true },
    ({ step, loss }) => {
      if (step % 50 === 0) console.log(`step ${step}  loss ${loss.toFixed(4)}`);
    },
  );

  const trained = withParameters(net, params);
  const answers = [...sigmoid(trained.forward(x)).data];
  console.log(`answers ${answers.map((p) => p.toFixed(3)).join(" ")}`);
  return {
    parameters: [...params.keys()],
    fellTo: losses[199] / losses[0] < 0.05,
    answers: answers.map((p) => (p > 0.5 ? 1 : 0)),
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) run();
