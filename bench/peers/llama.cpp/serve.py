"""llama.cpp's server as xllamacpp has it, with those options of `llama-server` that the benchmark gives: -m, -c, -np, -t."""

import sys
import threading

import xllamacpp

options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
parameters = xllamacpp.CommonParams()
parameters.model.path = options["-m"]
parameters.n_ctx = int(options["-c"])
parameters.n_parallel = int(options["-np"])
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(options["-t"])
parameters.port = 0
server = xllamacpp.Server(parameters)
print("at", server.listening_address, flush=True)
threading.Event().wait()
