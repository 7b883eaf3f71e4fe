"""Decoding of a TokenFormer of the 150M size with a key-value cache, in eager PyTorch on the CPU, float32, random weights.

Reads lines: `begin N S` gives the caches of S sequences N tokens (of any content, the time does not depend on it), `decode K` writes K
tokens of each at once and prints their seconds as a JSON list, `quit` ends.
"""

import argparse
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

arguments = argparse.ArgumentParser()
for name, value in {"layers": 12, "width": 768, "heads": 12, "vocabulary": 50304, "context": 2048, "threads": 2}.items():
    arguments.add_argument(f"--{name}", type=int, default=value)
options = arguments.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(1)
L, D, H = options.layers, options.width, options.heads
C = D // H
ROTATED = C // 4


def site(tokens):
    return torch.randn(tokens, D) * 0.02, torch.randn(tokens, D) * 2 / (L * math.sqrt(D)), math.sqrt(tokens)


def pattention(x, parameters):
    keys, values, tau = parameters
    scores = F.linear(x, keys)
    weights = F.gelu(scores * (tau / scores.norm(dim=-1, keepdim=True)))
    return weights @ values


def rotate(x, position):  # [S, H, 1, C]
    cos, sin = cosines[position], sines[position]
    half = ROTATED // 2
    a, b, rest = x[..., :half], x[..., half:ROTATED], x[..., ROTATED:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], dim=-1)


angles = torch.arange(options.context)[:, None] * 10000.0 ** (-torch.arange(0, ROTATED, 2) / ROTATED)
cosines, sines = angles.cos(), angles.sin()
embedding = torch.randn(options.vocabulary, D) * 0.02
blocks = [(site(D), site(D), site(D), site(D), site(4 * D)) for _ in range(L)]
scale, bias = torch.ones(D), torch.zeros(D)
cache = torch.empty(L, 2, 0, H, options.context, C)
length = 0


@torch.inference_mode()
def step(token):
    global length
    sequences = cache.shape[2]
    x = embedding[token : token + sequences].view(sequences, 1, D)
    for layer, (query, key, value, projection, feed_forward) in enumerate(blocks):
        normed = F.layer_norm(x, (D,))
        q, k, v = (pattention(normed, p).view(sequences, 1, H, C).transpose(1, 2) for p in (query, key, value))
        keys, values = cache[layer, 0], cache[layer, 1]
        keys[:, :, length] = rotate(k, length)[:, :, 0]
        values[:, :, length] = v[:, :, 0]
        end = length + 1
        attended = F.scaled_dot_product_attention(rotate(q, length), keys[:, :, :end], values[:, :, :end])
        x = x + pattention(attended.transpose(1, 2).reshape(sequences, 1, D), projection)
        x = x + pattention(F.layer_norm(x, (D,)), feed_forward)
    logits = F.linear(F.layer_norm(x, (D,), scale, bias), embedding)
    length += 1
    return logits


for line in sys.stdin:
    command, *rest = line.split()
    if command == "quit":
        break
    count = int(rest[0])
    seconds = []
    if command == "begin":
        length = count
        cache = torch.randn(L, 2, int(rest[1]), H, options.context, C)
    else:
        for index in range(count):
            begun = time.perf_counter()
            step(index)
            seconds.append(time.perf_counter() - begun)
    print(json.dumps(seconds), flush=True)
