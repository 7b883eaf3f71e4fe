"""Matrix products by the OpenBLAS in NumPy's wheels: how fast this machine multiplies.

Reads lines of JSON `{"a": [..., M, K], "b": [..., K, N], "transposeA": false, "transposeB": false, "count": 3}` and prints the seconds
of each of `count` runs as a list; `quit` ends.
"""

import json
import sys
import time

import numpy as np

generator = np.random.default_rng(1)


def operand(shape, transposed):
    x = generator.random(shape, dtype=np.float32)
    return x.swapaxes(-1, -2) if transposed else x


def flattened(a, b):
    """A batch of rows by one matrix as one product, as ONNX Runtime does it."""
    return (a.reshape(-1, a.shape[-1]), b) if a.ndim > b.ndim and a.flags.c_contiguous else (a, b)


for line in sys.stdin:
    if line.strip() == "quit":
        break
    product = json.loads(line)
    a, b = flattened(operand(product["a"], product["transposeA"]), operand(product["b"], product["transposeB"]))
    y = a @ b
    seconds = []
    for _ in range(product["count"]):
        begun = time.perf_counter()
        np.matmul(a, b, out=y)
        seconds.append(time.perf_counter() - begun)
    print(json.dumps(seconds), flush=True)
