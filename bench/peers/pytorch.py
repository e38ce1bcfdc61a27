"""PyTorch (and scikit-learn for mixtures) as a process of the benchmark. The first word is the number of threads."""
import json
import os
import statistics
import sys
import time
import warnings

THREADS = sys.argv[1] if len(sys.argv) > 1 else "1"
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = THREADS

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(int(THREADS))
warnings.simplefilter("ignore")
SAMPLES, STEP = 64, 2654435761


def say(answer):
    print("answer " + json.dumps(answer), flush=True)


def sample(output):
    """What stays of an output to compare it by: as `sampleOf` in solver.ts."""
    flat = np.asarray(output, dtype=np.float64).ravel()
    count = min(SAMPLES, flat.size)
    values = [float(flat[(i * STEP) % flat.size]) for i in range(count)]
    return {"length": int(flat.size), "mean": float(np.abs(flat).mean()), "values": values}


def read(files):
    """Inputs as torch tensors; f64 as NumPy arrays."""
    inputs = {}
    for name, entry in files.items():
        double = entry["dtype"] == "f64"
        values = np.fromfile(entry["file"], dtype="<f8" if double else "<f4").reshape(entry["shape"])
        inputs[name] = values if double else torch.from_numpy(values)
    return inputs


def matmul(spec, t):
    a, b = t["a"], t["b"]
    return inference(lambda: [torch.mm(a, b)])


def inference(call):
    """A function and its outputs, without a tape."""

    def run():
        with torch.no_grad():
            return call()

    return run, lambda: [y.numpy() for y in run()]


def conv(spec, t):
    x, w, b = t["x"], t["w"], t["b"]
    return inference(lambda: [F.conv2d(x, w, b, padding=spec["kernel"] // 2, groups=spec["groups"])])


def conv_grad(spec, t):
    leaves = [t[name].requires_grad_() for name in ("x", "w", "b")]

    def run():
        y = F.conv2d(*leaves, padding=spec["kernel"] // 2, groups=spec["groups"])
        return torch.autograd.grad(y, leaves, t["g"])

    return run, lambda: [g.numpy() for g in run()]


def stack(spec, t):
    def call():
        h = t["x"]
        for i in range(spec["layers"]):
            h = torch.relu_(F.conv2d(h, t[f"w{i}"], t[f"b{i}"], padding=1))
        return [h]

    return inference(call)


def fake_quant(spec, t):
    x, scale, low, high = t["x"], spec["scale"], spec["qmin"], spec["qmax"]
    return inference(lambda: [torch.fake_quantize_per_tensor_affine(x, scale, 0, low, high)])


def lsq(spec, t):
    x = t["x"].requires_grad_()
    scale = torch.tensor([spec["scale"]], requires_grad=True)
    zero = torch.zeros(1, requires_grad=True)

    def run():
        y = torch._fake_quantize_learnable_per_tensor_affine(x, scale, zero, spec["qmin"], spec["qmax"], 1.0)
        return (y, *torch.autograd.grad(y, (x, scale), t["g"]))

    return run, lambda: [v.detach().numpy() for v in run()]


def train(spec, t):
    def start():
        params = []
        for i, layer in enumerate(spec["layers"]):
            params += [t[f"w{i}"].clone().requires_grad_(), torch.zeros(layer["outputs"], requires_grad=True)]
        optimizer = torch.optim.Adam(params, lr=spec["lr"])

        def step():
            h = t["x"]
            for i, layer in enumerate(spec["layers"]):
                h = F.conv2d(h, params[2 * i], params[2 * i + 1], stride=layer["stride"], padding=layer["kernel"] // 2)
                if i < len(spec["layers"]) - 1:
                    h = torch.relu(h)
            loss = F.binary_cross_entropy_with_logits(h, t["y"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def outputs():
        fresh = start()
        return [[fresh() for _ in range(spec["steps"])]]

    return start(), outputs


def gmm(spec, t):
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError:
        return "scikit-learn is not installed"
    x = t["x"][:, None]
    means = np.array(spec["means"], dtype=np.float64)[:, None]
    options = {"tol": 0, "max_iter": spec["iterations"], "reg_covar": 0, "means_init": means}
    start = {"precisions_init": np.ones((2, 1, 1)), "weights_init": [0.5, 0.5]}

    def run():
        return GaussianMixture(2, covariance_type="full", **options, **start).fit(x)

    def outputs():
        fitted = run()
        return [fitted.weights_, fitted.means_.ravel(), np.sqrt(fitted.covariances_.ravel())]

    return run, outputs


KINDS = {
    "matmul": matmul,
    "conv": conv,
    "convGrad": conv_grad,
    "stack": stack,
    "fakeQuant": fake_quant,
    "lsq": lsq,
    "train": train,
    "gmm": gmm,
}


def measure(run, budget):
    """Times calls for a budget of milliseconds, at least two."""
    times = []
    end = time.perf_counter() + budget / 1000
    while len(times) < 2 or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - begin))
    return {"median": statistics.median(times), "best": min(times)}


def main():
    current = None
    say({"version": torch.__version__})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["ask"] == "prepare":
                current = None
                solve = KINDS.get(request["spec"]["kind"])
                made = solve(request["spec"], read(request["inputs"])) if solve else "not offered"
                if isinstance(made, str):
                    say({"unable": made})
                    continue
                current, outputs = made
                say({"samples": [sample(y) for y in outputs()]})
            elif request["ask"] == "measure":
                say({"round": measure(current, request["budget"])})
            else:
                current = None
                say({"released": True})
        except Exception as error:  # whatever the library refuses is an answer
            say({"unable": str(error).split("\n")[0][:200]})


main()
