"""Times the training step of a TokenFormer or a Transformer in PyTorch: on the CPU or a GPU, in float32 or in bfloat16.

A step is forward, mean cross-entropy, backward, clipping by the global norm, and AdamW. Timing starts with the batch in
memory and ends with the loss read. README.md tells how to run it.

Shapes: B batch, T time, D channels (the width), H heads, C = D / H channels of a head, P parameter tokens of a site,
V vocabulary.
"""

import argparse
import json
import math
import os
import re
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

NORM_EPSILON = 1e-5
ROTARY_BASE = 10_000
ROTARY_FRACTION = 0.25


# Models


class Embedding(nn.Module):
    """The table of token embeddings, which is the output's weight too, and, where asked for, one of positions."""

    def __init__(self, vocabulary, width, positions=None):
        super().__init__()
        self.tokens = normal(vocabulary, width)
        self.positions = None if positions is None else normal(positions, width)

    def forward(self, tokens):
        x = F.embedding(tokens, self.tokens)  # [B, T, D]
        return x if self.positions is None else x + self.positions[: tokens.shape[1]]

    def logits(self, x):
        return F.linear(x, self.tokens)  # [B, T, V]


class LayerNorm(nn.Module):
    """LayerNorm with a scale and a bias."""

    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], self.scale, self.bias, NORM_EPSILON)


class Pattention(nn.Module):
    """Token-parameter attention (arXiv 2410.23168): GELU(√P · A / ‖A‖) V of the scores A = X Kᵀ."""

    def __init__(self, tokens, width, value_deviation):
        super().__init__()
        self.keys = normal(tokens, width)
        self.values = normal(tokens, width, deviation=value_deviation)

    def forward(self, x):
        scores = F.linear(x, self.keys)  # [B, T, P]
        norms = torch.linalg.vector_norm(scores, dim=-1, keepdim=True)
        weights = F.gelu(scores * (math.sqrt(len(self.keys)) / norms))  # faster in eager mode than F.normalize
        return weights @ self.values  # [B, T, D]


class PattentionAttention(nn.Module):
    """Causal self-attention whose projections are Pattention, with rotary positions."""

    def __init__(self, options):
        super().__init__()
        self.heads = options.heads
        site = lambda: Pattention(options.attention_tokens, options.width, value_deviation(options))
        self.query, self.key, self.value, self.projection = site(), site(), site(), site()

    def forward(self, x, rotation):
        query = rotate(split_heads(self.query(x), self.heads), *rotation)
        key = rotate(split_heads(self.key(x), self.heads), *rotation)
        return self.projection(attend(query, key, split_heads(self.value(x), self.heads)))


class TokenFormerBlock(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.attention = PattentionAttention(options)
        self.feed_forward = Pattention(options.ffn_tokens, options.width, value_deviation(options))

    def forward(self, x, rotation):
        x = x + self.attention(normalise(x), rotation)
        return x + self.feed_forward(normalise(x))


class TokenFormer(nn.Module):
    """tokens [B, T] → logits [B, T, V]."""

    def __init__(self, options):
        super().__init__()
        self.embedding = Embedding(options.vocabulary, options.width)
        self.blocks = nn.ModuleList(TokenFormerBlock(options) for _ in range(options.layers))
        self.final_norm = LayerNorm(options.width)
        cosines, sines = rotary_tables(options.context, options.width // options.heads)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, tokens):
        time = tokens.shape[1]
        rotation = self.cosines[:time], self.sines[:time]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, rotation)
        return self.embedding.logits(self.final_norm(x))


class SelfAttention(nn.Module):
    """Causal self-attention with one product for queries, keys and values, as in nanoGPT."""

    def __init__(self, options):
        super().__init__()
        self.heads = options.heads
        self.query_key_value = linear(options.width, 3 * options.width)
        self.projection = linear(options.width, options.width)

    def forward(self, x):
        query, key, value = self.query_key_value(x).chunk(3, dim=-1)
        return self.projection(attend(*(split_heads(part, self.heads) for part in (query, key, value))))


class FeedForward(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.up = linear(options.width, 4 * options.width)
        self.down = linear(4 * options.width, options.width)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class TransformerBlock(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.attention_norm = LayerNorm(options.width)
        self.attention = SelfAttention(options)
        self.feed_forward_norm = LayerNorm(options.width)
        self.feed_forward = FeedForward(options)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    """tokens [B, T] → logits [B, T, V]."""

    def __init__(self, options):
        super().__init__()
        self.embedding = Embedding(options.vocabulary, options.width, positions=options.context)
        self.blocks = nn.ModuleList(TransformerBlock(options) for _ in range(options.layers))
        self.final_norm = LayerNorm(options.width)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.embedding.logits(self.final_norm(x))


MODELS = {"tokenformer": TokenFormer, "transformer": Transformer}


def normal(*shape, deviation=0.02):
    return nn.Parameter(torch.randn(shape) * deviation)


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=0.02)
    return layer


def value_deviation(options):
    """The standard deviation of new values in the published code."""
    return 2 / (options.layers * math.sqrt(options.width))


def normalise(x):
    """LayerNorm without parameters."""
    return F.layer_norm(x, x.shape[-1:], eps=NORM_EPSILON)


def split_heads(x, heads):
    """[B, T, D] → [B, H, T, C]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(query, key, value):
    """Each token attends to itself and to those before it: [B, H, T, C] → [B, T, D]."""
    attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    return attended.transpose(1, 2).flatten(2)


def rotary_tables(context, head_channels):
    """Cosines and sines of the rotary angles: [T, pairs]."""
    channels = 2 * math.floor(head_channels * ROTARY_FRACTION / 2)
    frequencies = ROTARY_BASE ** -(torch.arange(0, channels, 2) / channels)
    angles = torch.outer(torch.arange(context), frequencies)
    return angles.cos(), angles.sin()


def rotate(x, cosines, sines):
    """Rotates the pairs (c, c + pairs) of the first 2 · pairs channels by position: x [B, H, T, C]."""
    pairs = cosines.shape[-1]
    first, second, rest = x.split((pairs, pairs, x.shape[-1] - 2 * pairs), dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines, rest), dim=-1)


# Training


class Trainer:
    """A model with its optimiser and its batches."""

    def __init__(self, options):
        torch.manual_seed(options.seed)
        torch.set_float32_matmul_precision("highest")  # float32 is no TF32
        model = MODELS[options.model](options)
        if options.weights is not None:
            load_weights(model, read_safetensors(options.weights))
        model.to(options.device)
        self.parameters = list(model.parameters())
        self.optimiser = adamw(self.parameters, options)
        self.batches = batches(options)
        self.loss = loss_of(model, options)
        if options.compile is not None:
            self.loss = torch.compile(self.loss, mode=options.compile)

    def step(self):
        """One update. Returns its wall time in seconds and the loss before it."""
        tokens, targets = next(self.batches)
        start = time.perf_counter()
        loss = self.loss(tokens, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        value = loss.item()
        return time.perf_counter() - start, value

    def steps(self, count):
        """Times and losses of several updates."""
        results = [self.step() for _ in range(count)]
        return [seconds for seconds, _ in results], [loss for _, loss in results]


def loss_of(model, options):
    """The mean cross-entropy of a batch, in nats per token; with --dtype bfloat16 by mixed precision, weights in float32."""
    mixed = torch.autocast(options.device, torch.bfloat16, enabled=options.dtype == "bfloat16")

    def loss(tokens, targets):
        with mixed:
            logits = model(tokens)
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())

    return loss


def adamw(parameters, options):
    """AdamW with weight decay on matrices, not on scales and biases."""
    matrices = [parameter for parameter in parameters if parameter.dim() >= 2]
    vectors = [parameter for parameter in parameters if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    implementation = {"fused": {"fused": True}, "foreach": {"foreach": True}, "loop": {"foreach": False}}[options.adamw]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.99), **implementation)


def batches(options):
    """Endless batches (tokens, targets), int64 [B, T]: those of a file in turn, or random ones."""
    if options.batches is not None:
        file = read_safetensors(options.batches)
        tokens, targets = (file[name].long().to(options.device) for name in ("tokens", "targets"))
        given = list(zip(tokens, targets, strict=True))
        while True:
            yield from given
    generator = torch.Generator().manual_seed(options.seed)
    while True:
        windows = torch.randint(options.vocabulary, (options.batch, options.context + 1), generator=generator)
        windows = windows.to(options.device)
        yield windows[:, :-1].contiguous(), windows[:, 1:].contiguous()


# Files


def read_safetensors(path):
    """The F32 and I32 tensors of a .safetensors file, by name."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    types = {"F32": torch.float32, "I32": torch.int32}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        count, (start, _) = math.prod(entry["shape"]), entry["data_offsets"]
        tensors[name] = torch.frombuffer(data, dtype=types[entry["dtype"]], count=count, offset=start).reshape(
            entry["shape"]
        )
    return tensors


def load_weights(model, tensors):
    """Sets all parameters from tensors under tokenformer's names: `blocks.0.feedForward.keys`."""
    state = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): t for name, t in tensors.items()}
    for name in model.state_dict():
        if "query_key_value" in name:
            parts = (name.replace("query_key_value", part) for part in ("query", "key", "value"))
            state[name] = torch.cat([state.pop(part) for part in parts])
    model.load_state_dict(state)


# Command line


def summary(trainer, options):
    """Warms up, times `--steps` steps and describes them."""
    memory_before = peak_memory()
    trainer.steps(options.warmup)
    seconds, losses = trainer.steps(options.steps)
    tokens = options.batch * options.context
    return {
        "model": options.model,
        "parameters": sum(parameter.numel() for parameter in trainer.parameters),
        "steps": options.steps,
        "medianMilliseconds": round(statistics.median(seconds) * 1e3, 3),
        "minimumMilliseconds": round(min(seconds) * 1e3, 3),
        "tokensPerSecond": round(tokens / statistics.median(seconds)),
        "lastLoss": losses[-1],
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "blas": blas(),
        "compile": options.compile,
        "adamw": options.adamw,
        "peakMemoryMiB": peak_memory(),
        "peakMemoryBeforeStepsMiB": memory_before,
    }


def serve(trainer):
    """Answers `step K` with the times and losses of K steps, and `memory` with the peak of memory, until `quit`."""
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "quit":
            return
        if command == "memory":
            print(json.dumps({"peakBytes": round(peak_memory() * 2**20)}), flush=True)
            continue
        if command != "step" or len(arguments) != 1:
            sys.exit(f'expected "step K", "memory" or "quit", not {line.strip()!r}')
        seconds, losses = trainer.steps(int(arguments[0]))
        print(json.dumps({"seconds": seconds, "losses": losses}), flush=True)


def blas():
    """Which matrix library PyTorch was built with, and the instructions that its own kernels use."""
    library = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    version = re.search(r"oneAPI (Math Kernel Library Version \S+)", torch.__config__.show())
    found = [match[1] for match in (library, version) if match is not None]
    return ", ".join([*found, f"own kernels {torch.backends.cpu.get_cpu_capability()}"])


def peak_memory():
    """The largest resident memory so far, in MiB (Linux)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def threads(text):
    return os.cpu_count() if text == "all" else int(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="tokenformer")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--vocabulary", type=int, default=65)
    parser.add_argument("--attention-tokens", type=int, default=96, help="of each site of the attention (TokenFormer)")
    parser.add_argument("--ffn-tokens", type=int, default=384, help="of the feed-forward layer (TokenFormer)")
    parser.add_argument("--steps", type=int, default=100, help="timed steps")
    parser.add_argument("--warmup", type=int, default=20, help="steps before them")
    parser.add_argument("--threads", type=threads, default="all", help='a number, or "all" (default)')
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of products")
    parser.add_argument("--compile", nargs="?", const="default", metavar="MODE", help="use torch.compile")
    parser.add_argument("--adamw", choices=["fused", "foreach", "loop"], default="fused", help="implementation")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1, help="of the weights and the random tokens")
    parser.add_argument("--weights", metavar="FILE", help=".safetensors to start from")
    parser.add_argument("--batches", metavar="FILE", help=".safetensors with int32 tokens and targets [steps, B, T]")
    parser.add_argument("--serve", action="store_true", help='read lines "step K", "memory" and "quit"; no warm-up of its own')
    return parser.parse_args()


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    trainer = Trainer(options)
    if options.serve:
        serve(trainer)
    else:
        print(json.dumps(summary(trainer, options)))


if __name__ == "__main__":
    main()
