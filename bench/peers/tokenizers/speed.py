"""How long Python's `tokenizers` take, and whether their ids are ours.

python speed.py train TEXT                            trains a byte-pair encoding on a text
python speed.py encode TEXT TOKENIZER.json TOKENS.bin encodes a text with what `tokenformer tokenize` wrote of it, and compares all ids
"""

import hashlib
import os
import re
import resource
import sys
import time

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers


class Stopwatch:
    """Adds up seconds, and seconds of processor time, of the blocks that it is put around."""

    def __init__(self):
        self.wall = self.processor = 0.0

    def __enter__(self):
        self.wall -= time.time()
        self.processor -= time.process_time()

    def __exit__(self, *_):
        self.wall += time.time()
        self.processor += time.process_time()

    def __str__(self):
        return f"{self.wall:.1f} s, {self.processor:.1f} s of processor time"


def train(text):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    with (stopwatch := Stopwatch()):
        tokenizer.train([text], trainers.BpeTrainer(vocab_size=8192, initial_alphabet=alphabet, show_progress=False))
    print(f"training: {stopwatch}")


# Between a letter and a space with another letter after it, byte-level words end: the ids of the parts are those of the whole.
CUT = re.compile(r"(?<=[a-z]) (?=[a-z])")
PART = 1 << 18


def parts(text):
    """Texts that are the whole one after the other, each a little longer than PART."""
    with open(text, encoding="utf8", newline="") as file:
        rest = ""
        while chunk := file.read(1 << 24):
            rest += chunk
            start = 0
            while (cut := CUT.search(rest, start + PART)) is not None:
                yield rest[start : cut.start()]
                start = cut.start()
            rest = rest[start:]
        yield rest


def batches(texts, size=64):
    batch = []
    for each in texts:
        batch.append(each)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def encode(text, tokenizer_file, tokens_file):
    import numpy

    tokenizer = Tokenizer.from_file(tokenizer_file)
    width = numpy.uint16 if tokenizer.get_vocab_size() <= 1 << 16 else numpy.uint32
    ids_hash, count = hashlib.sha256(), 0
    # What the ids cost as objects of Python is not counted.
    stopwatch = Stopwatch()
    for batch in batches(parts(text)):
        with stopwatch:
            encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        for encoding in encodings:
            ids = numpy.array(encoding.ids, width)
            ids_hash.update(ids)
            count += len(ids)
    print(f"encoding: {stopwatch}; {count} ids, SHA-256 {ids_hash.hexdigest()}")
    with open(tokens_file, "rb") as file:
        ours = hashlib.file_digest(file, "sha256").hexdigest()
    ids = os.path.getsize(tokens_file) // width().itemsize
    same = ours == ids_hash.hexdigest()
    print(f"{tokens_file}: {ids} ids, SHA-256 {ours}: {'the same' if same else 'different'}")


{"train": train, "encode": encode}[sys.argv[1]](*sys.argv[2:])
print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
