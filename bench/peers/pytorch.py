"""PyTorch as a process of the benchmark. The first word is the number of threads."""
import os
import sys

THREADS = sys.argv[1]
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = THREADS

import torch
import torch.nn.functional as F
from serve import serve

torch.set_num_threads(int(THREADS))


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


KINDS = {
    "matmul": matmul,
    "conv": conv,
    "convGrad": conv_grad,
    "stack": stack,
    "fakeQuant": fake_quant,
    "lsq": lsq,
    "train": train,
}


def in_torch(solve):
    """The kind's function, given torch tensors."""
    return lambda spec, inputs: solve(spec, {name: torch.from_numpy(values) for name, values in inputs.items()})


serve(torch.__version__, {kind: in_torch(solve) for kind, solve in KINDS.items()})
