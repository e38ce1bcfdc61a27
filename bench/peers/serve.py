"""Answers the requests of the benchmark by an engine's table of kinds: see protocol.ts."""
import json
import statistics
import sys
import time

import numpy as np

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
    """Inputs as NumPy arrays."""
    return {
        name: np.fromfile(entry["file"], dtype="<f8" if entry["dtype"] == "f64" else "<f4").reshape(entry["shape"])
        for name, entry in files.items()
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


def serve(version, kinds):
    """`kinds` maps a kind to a function of specification and inputs that returns (run, outputs)."""
    current = None
    say({"version": version})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["ask"] == "prepare":
                current = None
                solve = kinds.get(request["spec"]["kind"])
                if solve is None:
                    say({"unable": "not offered"})
                    continue
                current, outputs = solve(request["spec"], read(request["inputs"]))
                say({"samples": [sample(y) for y in outputs()]})
            elif request["ask"] == "measure":
                say({"round": measure(current, request["budget"])})
            else:
                current = None
                say({"released": True})
        except Exception as error:  # whatever the library refuses is an answer
            say({"unable": str(error).split("\n")[0][:200]})
