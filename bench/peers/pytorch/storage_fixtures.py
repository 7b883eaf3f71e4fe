"""Writes the small checkpoints in test/fixtures/pytorch: every way in which PyTorch lays out the tensors of a state_dict.

Every tensor holds eighths of whole numbers, so that float16 and bfloat16 keep them exactly and the tests can tell them
without Python:

    python bench/peers/pytorch/storage_fixtures.py test/fixtures/pytorch
"""

import sys
from collections import OrderedDict
from pathlib import Path

import torch


def eighths(count, start=0):
    return torch.arange(start, start + count, dtype=torch.float32) / 8


def layouts():
    shared = eighths(60)
    state = OrderedDict()
    state["contiguous"] = eighths(15).reshape(3, 5)
    state["transposed"] = eighths(15).reshape(3, 5).t()
    state["permuted"] = eighths(24).reshape(2, 3, 4).permute(2, 0, 1)
    state["first"] = shared[:20].reshape(4, 5)
    state["second"] = shared[7:19].reshape(3, 4)
    state["every_third"] = shared[1::3]
    state["same"] = state["first"]
    state["expanded"] = torch.tensor([0.5]).expand(4)
    state["scalar"] = torch.tensor(2.25)
    state["empty"] = torch.zeros(0, 3)
    state["column"] = eighths(6).reshape(6, 1).t()
    state["half"] = (eighths(21, -10).reshape(3, 7)).half().t()
    state["bfloat"] = eighths(12, -6).reshape(4, 3).bfloat16()
    state["parameter"] = torch.nn.Parameter(eighths(4, 100))
    state["mask"] = torch.ones(2, 2, dtype=torch.bool)
    state["position"] = torch.arange(5)
    state["double"] = eighths(3).double()
    state._metadata = OrderedDict([("", {"version": 1})])
    return state


def main(folder):
    for protocol in (2, 3, 4, 5):
        torch.save(layouts(), folder / f"layouts-{protocol}.pt", pickle_protocol=protocol)
    state = {"weight": eighths(6).reshape(2, 3)}
    torch.save({"module": state, "iteration": 7, "dtype": torch.float16}, folder / "wrapped.pt")
    torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), folder / "module.pt")
    torch.save([eighths(3)], folder / "list.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
