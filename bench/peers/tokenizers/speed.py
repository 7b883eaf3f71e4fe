"""How long Python's `tokenizers` take to train a byte-pair encoding on a text and to encode it: python speed.py TEXT [TOKENIZER.json TOKENS.bin]

With a tokenizer.json and the token file that `tokenformer tokenize` wrote of the same text, compares the ids of its beginning too.
"""

import os
import sys
import time

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

text, *ours = sys.argv[1:]


def timed(name, work):
    wall, before = time.time(), os.times()
    result = work()
    after = os.times()
    print(f"{name}: {time.time() - wall:.1f} s, {after.user - before.user:.1f} s of processor time")
    return result


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train([text], trainers.BpeTrainer(vocab_size=8192, initial_alphabet=alphabet, show_progress=False))
    return tokenizer


def encode(tokenizer):
    count = 0
    with open(text, encoding="utf8", newline="") as file:
        while lines := file.readlines(1 << 24):
            count += sum(len(encoding.ids) for encoding in tokenizer.encode_batch(lines))
    return count


tokenizer = timed("training", train)
print(timed("encoding", lambda: encode(tokenizer)), "tokens")
if ours:
    import numpy

    beginning = open(text, encoding="utf8", newline="").read(6_000_000)
    beginning = beginning[: beginning.rindex("\n\n")]
    ids = Tokenizer.from_file(ours[0]).encode(beginning).ids
    same = numpy.array_equal(numpy.fromfile(ours[1], dtype=numpy.uint16, count=len(ids)), ids)
    print(f"the first {len(ids)} ids are {'the same' if same else 'different'}")
