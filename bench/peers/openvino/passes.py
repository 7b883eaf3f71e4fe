"""A pass forward and backward by OpenVINO, of the program of gradients that this package emits for runtimes of ONNX.

    python passes.py FOLDER

reads `model.onnx`, `inputs.json` ({name: {"dtype": "float32", "shape": [2, 3]}}, in the order of the file) and `inputs.bin` there. Each line
`pass K` of standard input makes K passes on one thread and prints the seconds of processor time of each, and the loss; `profile K` prints the
milliseconds of a pass by kinds of nodes; `quit` ends.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import openvino

folder = Path(sys.argv[1])
inputs, offset = {}, 0
data = (folder / "inputs.bin").read_bytes()
for name, type in json.loads((folder / "inputs.json").read_text()).items():
    array = np.frombuffer(data, type["dtype"], int(np.prod(type["shape"])), offset).reshape(type["shape"])
    inputs[name] = array.copy()
    offset += array.nbytes

core = openvino.Core()
model = core.read_model(folder / "model.onnx")
model.reshape({name: list(array.shape) for name, array in inputs.items()})


def request(profile):
    settings = {
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
        "PERF_COUNT": profile,
    }
    return core.compile_model(model, "CPU", settings).create_infer_request()


def run(made):
    return made.infer(inputs, share_inputs=True, share_outputs=True)


plain = request(False)
for line in sys.stdin:
    words = line.split()
    if words[0] == "quit":
        break
    count = int(words[1])
    if words[0] == "pass":
        seconds, loss = [], None
        for _ in range(count):
            begun = time.process_time()
            results = run(plain)
            seconds.append(time.process_time() - begun)
            loss = float(results["loss"])
        print(json.dumps({"seconds": seconds, "loss": loss, "version": openvino.__version__}), flush=True)
    else:
        made, kinds = request(True), Counter()
        run(made)
        for _ in range(count):
            run(made)
            for node in made.get_profiling_info():
                kinds[node.node_type] += node.real_time.total_seconds() * 1000 / count
        print(json.dumps(dict(kinds.most_common())), flush=True)
