"""Writes a Llama with random weights as a GGUF file: no biases, rotary positions, the table of tokens tied to the logits.

    python write_model.py FILE --type F32 --layers 12 --width 768 --heads 12 --feed-forward 3072 --vocabulary 50304 --context 2048

It prints the number of its parameters. Q8_0 and Q4_0 are llama.cpp's weights of 8 and 4 bits in blocks of 32; the table has 8 bits in both.
"""

import argparse

import gguf
import numpy as np

DEVIATION = 0.02


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--type", choices=["F32", "Q8_0", "Q4_0"], default="F32")
    for name in ["layers", "width", "heads", "feed-forward", "vocabulary", "context"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser.parse_args()


def matrices(given):
    """Names and shapes [outputs, inputs], but for the table of tokens, which comes first."""
    width, wide = given.width, given.feed_forward
    for layer in range(given.layers):
        for name in ["attn_q", "attn_k", "attn_v", "attn_output"]:
            yield f"blk.{layer}.{name}.weight", (width, width)
        for name in ["ffn_gate", "ffn_up"]:
            yield f"blk.{layer}.{name}.weight", (wide, width)
        yield f"blk.{layer}.ffn_down.weight", (width, wide)


def norms(given):
    for layer in range(given.layers):
        yield f"blk.{layer}.attn_norm.weight"
        yield f"blk.{layer}.ffn_norm.weight"
    yield "output_norm.weight"


def add_tokens(writer, vocabulary):
    """Letters of the alphabet are tokens of one character, all others words that no text has: prompts come as ids."""
    tokens = [chr(33 + index) if index < 94 else f"word{index}" for index in range(vocabulary)]
    tokens[vocabulary - 1] = "ab"
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * vocabulary)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(vocabulary - 2)


def add_settings(writer, given):
    writer.add_block_count(given.layers)
    writer.add_context_length(given.context)
    writer.add_embedding_length(given.width)
    writer.add_feed_forward_length(given.feed_forward)
    writer.add_head_count(given.heads)
    writer.add_rope_dimension_count(given.width // given.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(given.vocabulary)


def main():
    given = arguments()
    random = np.random.default_rng(1)
    chosen = gguf.GGMLQuantizationType[given.type]
    table = chosen if chosen == gguf.GGMLQuantizationType.F32 else gguf.GGMLQuantizationType.Q8_0
    writer = gguf.GGUFWriter(given.file, "llama")
    add_settings(writer, given)
    add_tokens(writer, given.vocabulary)
    parameters = 0

    def add(name, shape, kind):
        drawn = DEVIATION * random.standard_normal(shape, dtype=np.float32)
        writer.add_tensor(name, gguf.quants.quantize(drawn, kind), raw_dtype=kind)
        return drawn.size

    parameters += add("token_embd.weight", (given.vocabulary, given.width), table)
    for name, shape in matrices(given):
        parameters += add(name, shape, chosen)
    for name in norms(given):
        writer.add_tensor(name, np.ones(given.width, dtype=np.float32))
        parameters += given.width
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(parameters)


main()
