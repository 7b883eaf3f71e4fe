"""Writes what Python's `tokenizers` makes of nasty texts, for many combinations of the parts of a tokenizer.json.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    python figures.py ../../../test/fixtures/tokenizers/figures.json

The parts are named; a case names the parts of a tokenizer and holds ids by the number of the text, or texts by ids.
Where Python leaves out characters that a vocabulary lacks, or fails, the ids are null: a reader has to refuse.
"""

import base64
import io
import itertools
import json
import random
import sys
import tempfile
import unicodedata

import tokenizers
from tokenizers import Tokenizer, models, trainers

TEXTS = [
    "Hello, world!",
    "  Call me Ishmael.  Some years ago—never mind how long precisely—  ",
    "",
    " ",
    "\n",
    " \t\r\n \n\n",
    "a b  c   d",
    "don't can't I'll we've they're it's I'm he'd DON'T IT'S",
    "'ſ 'S ſ's K k",
    "naïve café nai\u0308ve cafe\u0301 \u00c5 \u212b A\u030a \u1e9b\u0323 e\u0301\u0301",
    "ΟΔΥΣΣΕΥΣ Σ ΣΣ ς σ ΑΣ.",
    "İstanbul ISTANBUL ı ß ẞ ǅ ŉ",
    "1234567 ١٢٣ ४५६ １２３ ⅷ ½ ² ①②③ 一二三 𝟘𝟙𝟚 ෧෨",
    "x1y2 3.14e-5 1,000,000 0x1F",
    "中文字符 混合 English 日本語カタカナひらがな 한국어 ㍿ ㎏",
    "😀👍🏽👩‍👩‍👧‍👦🇩🇪 e\u0301\u0301 a\u0308o",
    "\u00a0nbsp\u2003em\u3000ideographic\u2028line\u2029para\u0085next\ufeffbom\u200bzero\u200d\u180e",
    "\x00\x01\x07\x0b\x0c\x1b\x7f\x80\x9f\xad",
    "\ufffd\ufffe\ue000\U000f0000\U0010ffff",
    "▁under▁score ▁ ▁▁a _b__c",
    "<s>hello</s> <unk> <pad> <mask>x <mask> y<mask>",
    "[UNK] [CLS]a[SEP]  [MASK] hello[MASK]hello",
    "<|endoftext|>a<|endoftext|><|end <|endoftext |>",
    "<0x0A> <0xE2><0x82><0xAC> ##ing </w> Ġ Ċ Â",
    "ABC abcABC aBc HTTPServer2Go iPhone's",
    "(a)[b]{c}<d>$e^f|g\\h/i*j+k?l.m,n;o:p\"q'r`s~t!u@v#w%x&y=z-",
    "¡¿«»“”‘’„…–—·•†‡§¶©®™€£¥¢°±×÷¬",
    "a\u0300\u0301\u0302 \u0300b \u20dd \ufe0f \u0903 \u093e",
    "العربية مرحبا بالعالم، ؟ עברית שלום",
    "हिन्दी नमस्ते தமிழ் ไทยภาษา ລາວ မြန်မာ ខ្មែរ",
    "ﬁ ﬂ ﬃ Ǆ ﷺ ｶﾞ ㌔ Ⅳ ªº µ Ω K",
    "tab\tsep\tend\n\nnew\r\nline\rcr\n  indented\n\tmore",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the the  the the whale whales whaling  unwhaled thewhale ",
    "    def f(x):\n        return x  # comment\n\n\n",
    "http://example.com/a?b=c&d=%20e#f user@example.org",
    "…a b…  —a— b -- c... d?! e",
    "αβγ ΑΒΓ кириллица КИРИЛЛИЦА ქართული հայերեն",
    "𐐀𐐨 𝒜𝓫𝔠 🄰🅱 Ⓐⓑ",
    "q" * 101,
    "1" * 12 + " " * 9 + "." * 7,
    "\u0378\u05c8\U0001f1e6 x\u0600\u06012 \u1100\u1161\u11a8",
    "Σ\u0345文 τῷ \u03b1\u0345 τω\u0342\u0345 ᾼ Α\u0345ι\u0345Ι x\u0345y \u0345 'S\u0345'ſ\u0345",
    "½<mask>½\tto x²y³z¹ ¼ ¾¾-²³ ¹⁴½a",
]

# Each of these has case or tables of Oniguruma's own in it: the K of kelvins, the iota below, numbers that may be word characters.
TRICKY = [8, len(TEXTS) - 2, len(TEXTS) - 1]

CORPUS = TEXTS + [
    "The whale was the largest thing they had ever seen, and the sea was white with the wake of it.",
    "hello world, hello sea; whales and whaling, whalers and the whaled",
    "naïve café, 日本語, кириллица, 123 456",
] * 3

# --- parts ---------------------------------------------------------------------------------------------------------------

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT4O = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)

REGEXES = {
    "gpt2": GPT2,
    "llama3": LLAMA3,
    "gpt4o": GPT4O,
    "deepseek": DEEPSEEK,
    "cjk": r"[一-龥぀-ゟ゠-ヿ]+",
    "word": r"\w+|[^\w\s]+",
    "not word": r"\W",
    "word class": r"[\w]+",
    "no non-word class": r"[^\W]+",
    "non-word class": r"[\W]+|[^\w]",
    "class in a class": r"[^x[\W]]+",
    "capture": r"(a)(b)?|(\s)+",
    "named": r"(?<x>l+)",
    "empty": r" *",
    "optional": r"e?",
    "digits": r"\d{1,3}(?=(?:\d{3})*\b)".replace(r"\b", r"(?!\d)"),
    "behind": r"(?<=[a-z])(?=[A-Z])",
    "behind ahead": r"(?<=\s)\S|\S(?=\s)",
    "possessive": r"[a-z]++[0-9]",
    "lazy": r"\(.*?\)",
    "hex": r"\h{2}",
    "case": r"(?i)k|s'|[b-d]",
    "case of some": r"'(?i:[sdmt]|ll|ve|re)|\p{L}+|[\p{M}]",
    "case of all": r"(?i)'s|[^k\s\w]|\p{L}+|\P{Lu}",
    "case of the rest": r"a(?i)b|k|'s",
    "case but there": r"(?i)i(?-i:s)|[j-t](?m).",
    "dot": r".",
    "dot all": r"(?m).+",
    "line start": r"^.",
    "line end": r".$",
    "text start": r"\A.|.\z",
    "scripts": r"\p{Han}+|\p{Cyrillic}+|\p{Greek}",
    "intersection": r"[a-z&&[^aeiou]]+",
    "nested": r"[[a-c][x-z]]+",
    "unicode escape": r"\x{2581}|\u00e9",
    "spaces": r"\s{2,}",
    "not": r"\P{L}+|\p{^L}",
    "properties": r"\p{Lu}|\p{Nd}+|\p{Mn}|\p{Zs}|\p{Sc}",
}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def metaspace(scheme="always", **more):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, **more}


def sequence(key, *parts):
    return {"type": "Sequence", key: list(parts)}


def byte_level(prefix=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def bert(clean=True, chinese=True, accents=None, lower=True):
    return {
        "type": "BertNormalizer",
        "clean_text": clean,
        "handle_chinese_chars": chinese,
        "strip_accents": accents,
        "lowercase": lower,
    }


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


def charsmap():
    """A small table of replacements as SentencePiece compiles it."""
    import sentencepiece

    rules = {
        "ﬁ": "fi", "\u212b": "\u00c5", "e\u0301": "\u00e9", "が": "ガ", "\r\n": "\n", "\r": " ", "\t": " ",
        "㍿": "株式会社", "A": "a", "\u00ad": "", "½": "1/2",
    }
    points = lambda text: " ".join(f"{ord(character):X}" for character in text)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("".join(f"{points(before)}\t{points(after)}\n" for before, after in rules.items()))
        file.flush()
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS[-9:] * 20),
            model_writer=model,
            vocab_size=50,
            normalization_rule_tsv=file.name,
            minloglevel=2,
            hard_vocab_limit=False,
        )
    from sentencepiece import sentencepiece_model_pb2 as proto

    parsed = proto.ModelProto()
    parsed.ParseFromString(model.getvalue())
    return base64.b64encode(parsed.normalizer_spec.precompiled_charsmap).decode()


NORMALIZERS = {
    "none": None,
    "NFC": {"type": "NFC"},
    "NFD": {"type": "NFD"},
    "NFKC": {"type": "NFKC"},
    "NFKD": {"type": "NFKD"},
    "Lowercase": {"type": "Lowercase"},
    "StripAccents": {"type": "StripAccents"},
    "NFD accents lower": sequence("normalizers", {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
    "Strip": {"type": "Strip", "strip_left": True, "strip_right": True},
    "Strip left": {"type": "Strip", "strip_left": True, "strip_right": False},
    "Strip right": {"type": "Strip", "strip_left": False, "strip_right": True},
    "Nmt": {"type": "Nmt"},
    "bert": bert(),
    "bert cased": bert(lower=False),
    "bert accents": bert(clean=False, chinese=False, accents=True, lower=False),
    "bert lower": bert(clean=False, chinese=False, accents=False, lower=True),
    "ByteLevel": {"type": "ByteLevel"},
    "Prepend": {"type": "Prepend", "prepend": "▁"},
    "Replace": replace({"String": " "}, "▁"),
    "Replace two": replace({"Regex": " {2,}"}, "$&▁"),
    "Replace to nothing": replace({"Regex": "[aeiou]|^ "}, ""),
    "llama": sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, replace({"String": " "}, "▁")),
    "Precompiled": {"type": "Precompiled", "precompiled_charsmap": charsmap()},
}
NORMALIZERS["t5"] = sequence(
    "normalizers",
    NORMALIZERS["Precompiled"],
    {"type": "Strip", "strip_left": False, "strip_right": True},
    replace({"Regex": " {2,}"}, "▁"),
)

PRE_TOKENIZERS = {
    "none": None,
    "ByteLevel": byte_level(),
    "ByteLevel prefix": byte_level(prefix=True),
    "ByteLevel whole": byte_level(regex=False),
    "Metaspace always": metaspace(),
    "Metaspace first": metaspace("first"),
    "Metaspace never": metaspace("never"),
    "Metaspace unsplit": metaspace("first", split=False),
    "Metaspace _": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True},
    "Whitespace": {"type": "Whitespace"},
    "WhitespaceSplit": {"type": "WhitespaceSplit"},
    "Bert": {"type": "BertPreTokenizer"},
    "Digits": {"type": "Digits", "individual_digits": False},
    "Digits individual": {"type": "Digits", "individual_digits": True},
    "Delimiter": {"type": "CharDelimiterSplit", "delimiter": "e"},
    "FixedLength": {"type": "FixedLength", "length": 3},
    "xlm": sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace()),
    "llama3": sequence("pretokenizers", split({"Regex": LLAMA3}), byte_level(regex=False)),
    "gpt4o": sequence("pretokenizers", split({"Regex": GPT4O}, "Removed", True), byte_level(regex=False)),
    "deepseek": sequence(
        "pretokenizers",
        split({"Regex": r"\p{N}{1,3}"}),
        split({"Regex": REGEXES["cjk"]}),
        split({"Regex": DEEPSEEK}),
        byte_level(regex=False),
    ),
    "falcon": sequence(
        "pretokenizers",
        {"type": "Punctuation", "behavior": "Contiguous"},
        byte_level(),
        {"type": "Digits", "individual_digits": False},
        split({"Regex": "[0-9][0-9][0-9]"}),
    ),
}
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
for behavior in BEHAVIORS:
    PRE_TOKENIZERS[f"Punctuation {behavior}"] = {"type": "Punctuation", "behavior": behavior}

SPLITS = {}
for name, pattern in {"space": {"String": " "}, "double": {"String": "aa"}, "dot": {"String": ".a"}}.items():
    for behavior, invert in itertools.product(BEHAVIORS, [False, True]):
        SPLITS[f"split {name} {behavior} {invert}"] = split(pattern, behavior, invert)
for name, regex in REGEXES.items():
    behaviors = BEHAVIORS if name in ("word", "capture", "empty", "behind ahead", "spaces") else ["Isolated", "Removed"]
    for behavior in behaviors:
        SPLITS[f"split {name} {behavior}"] = split({"Regex": regex}, behavior, False)

DECODERS = {
    "none": None,
    "Fuse": {"type": "Fuse"},
    "ByteLevel": byte_level(),
    "Metaspace": metaspace(),
    "Metaspace never": metaspace("never"),
    "Metaspace first": metaspace("first"),
    "WordPiece": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "WordPiece plain": {"type": "WordPiece", "prefix": "##", "cleanup": False},
    "BPE": {"type": "BPEDecoder", "suffix": "</w>"},
    "CTC": {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
    "ByteFallback": sequence("decoders", {"type": "ByteFallback"}, {"type": "Fuse"}),
    "llama": sequence(
        "decoders",
        replace({"String": "▁"}, " "),
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ),
    "strip each": sequence("decoders", {"type": "Strip", "content": "▁", "start": 2, "stop": 0}, {"type": "Fuse"}),
    "Replace": sequence("decoders", replace({"Regex": "[▁Ġ]+"}, " "), {"type": "Fuse"}),
    "t5": sequence("decoders", {"type": "ByteFallback"}, metaspace()),
}

POST_PROCESSORS = {
    "none": None,
    "ByteLevel": byte_level(prefix=True),
    "Template": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    },
    "Roberta": {
        "type": "RobertaProcessing",
        "sep": ["</s>", 2],
        "cls": ["<s>", 1],
        "trim_offsets": True,
        "add_prefix_space": True,
    },
    "Bert": {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]},
    "ByteLevel trimmed": byte_level(regex=False),
    "llama3": {"type": "Sequence", "processors": []},
}

POST_PROCESSORS["llama3"]["processors"] = [POST_PROCESSORS["ByteLevel trimmed"], POST_PROCESSORS["Template"]]


def added(content, special=False, **flags):
    return {
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": not special,
        "special": special,
        **flags,
    }


ADDED = {
    "none": [],
    "special": [added("<unk>", True), added("<s>", True), added("</s>", True), added("<|endoftext|>", True)],
    "spaces": [added("  "), added("    "), added("\n\n", normalized=False)],
    "stripping": [
        added("<mask>", True, lstrip=True),
        added("[MASK]", True, rstrip=True),
        added("<pad>", True, lstrip=True, rstrip=True),
    ],
    "words": [
        added("hello", single_word=True),
        added("the", single_word=True, normalized=False),
        added("é", single_word=True, lstrip=True, rstrip=True),
    ],
    "prefixes": [added("whal"), added("whale"), added("whales"), added("wh", normalized=False), added("Hello")],
    "normalized": [added("ΟΔΥΣΣΕΥΣ"), added("HTTPServer", normalized=True), added("é"), added("a b")],
}


def model_json(tokenizer):
    return json.loads(tokenizer.to_str())["model"]


def trained_bpe(alphabet, pre, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=420, special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=alphabet, show_progress=False, limit_alphabet=150,
            **({"continuing_subword_prefix": options["continuing_subword_prefix"]} if "continuing_subword_prefix" in options else {}),
            **({"end_of_word_suffix": options["end_of_word_suffix"]} if "end_of_word_suffix" in options else {}),
        ),
    )
    return model_json(tokenizer)


def with_bytes(model):
    """The vocabulary with tokens for bytes."""
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    if isinstance(model["vocab"], list):
        return {**model, "byte_fallback": True, "vocab": model["vocab"] + [[token, -9.0] for token in byte_tokens]}
    size = len(model["vocab"])
    vocab = {**model["vocab"], **{token: size + byte for byte, token in enumerate(byte_tokens)}}
    return {**model, "byte_fallback": True, "vocab": vocab}


def make_models():
    from tokenizers import pre_tokenizers

    byte_alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    spaces = pre_tokenizers.Metaspace()
    words = pre_tokenizers.BertPreTokenizer()
    all_characters = sorted({character for text in CORPUS for character in text} | {"▁"})
    found = {}
    found["bytes"] = trained_bpe(byte_alphabet, pre_tokenizers.ByteLevel(add_prefix_space=False))
    found["bytes whole"] = {**found["bytes"], "ignore_merges": True}
    found["bytes old"] = {**found["bytes"], "merges": ["#version: 0.2"] + [" ".join(merge) for merge in found["bytes"]["merges"]]}
    bpe = trained_bpe([], spaces, unk_token="<unk>")
    found["bpe"] = {**bpe, "unk_token": "<unk>"}
    found["bpe fused"] = {**bpe, "unk_token": "<unk>", "fuse_unk": True}
    found["bpe none"] = {**bpe, "unk_token": None}
    found["bpe fallback"] = with_bytes({**bpe, "unk_token": "<unk>", "fuse_unk": True})
    partial = with_bytes({**bpe, "unk_token": "<unk>"})
    found["bpe some bytes"] = {**partial, "vocab": {t: i for t, i in partial["vocab"].items() if t != "<0xE2>"}}
    found["bpe prefix"] = {**trained_bpe([], words, unk_token="<unk>", continuing_subword_prefix="##")}
    found["bpe suffix"] = {**trained_bpe([], words, unk_token="<unk>", end_of_word_suffix="</w>")}
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = spaces
    unigram.train_from_iterator(
        CORPUS[-9:] * 20,
        trainers.UnigramTrainer(vocab_size=140, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False),
    )
    pieces = [[token, round(score, 4)] for token, score in model_json(unigram)["vocab"] if not (len(token) == 1 and ord(token) > 0x2fff)]
    found["unigram"] = {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": False}
    found["unigram fallback"] = with_bytes(found["unigram"])
    found["unigram none"] = {"type": "Unigram", "unk_id": None, "vocab": pieces, "byte_fallback": False}
    found["unigram ties"] = {
        "type": "Unigram", "unk_id": 0, "byte_fallback": False,
        "vocab": [["<unk>", 0], ["a", -1], ["aa", -2], ["aaa", -3], ["▁", -1], ["▁a", -2], ["b", -1], ["ab", -2], ["a", -1.5]],
    }
    piece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    piece.pre_tokenizer = words
    piece.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]"], limit_alphabet=120, show_progress=False))
    found["wordpiece"] = model_json(piece)
    found["wordpiece short"] = {**model_json(piece), "max_input_chars_per_word": 5}
    level = ["<unk>", *sorted({word for text in CORPUS for word in text.split()})[:150], "▁the", "the", "Ġthe", " "]
    found["wordlevel"] = {"type": "WordLevel", "unk_token": "<unk>", "vocab": {token: id for id, token in enumerate(dict.fromkeys(level))}}
    # One token a character, other ones within a piece: shows where pieces begin.
    shown = sorted(set(all_characters) | set(byte_alphabet) | set("aeｊ株式会社") | {c for t in TEXTS for f in ("NFC", "NFD", "NFKC", "NFKD") for c in unicodedata.normalize(f, t + t.lower())})
    shown = [c for c in shown if len(c) == 1][:900]
    vocab = {"<unk>": 0}
    for character in shown:
        vocab[character] = len(vocab)
        vocab["@" + character] = len(vocab)
    found["pieces"] = {"type": "BPE", "unk_token": "<unk>", "continuing_subword_prefix": "@", "vocab": vocab, "merges": []}
    return found


MODELS = make_models()

# --- cases ---------------------------------------------------------------------------------------------------------------


def spec(case):
    """The contents of a tokenizer.json."""
    model = MODELS[case["model"]]
    contents = [token for token, _ in model["vocab"]] if isinstance(model["vocab"], list) else list(model["vocab"])
    known = {token: id for id, token in enumerate(contents)} if isinstance(model["vocab"], list) else model["vocab"]
    size = len(model["vocab"])
    tokens = []
    for token in ADDED[case.get("added", "none")]:
        if token["content"] in known:
            id = known[token["content"]]
        else:
            id, size = size, size + 1
        tokens.append({"id": id, **token})
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": tokens,
        "normalizer": NORMALIZERS[case.get("normalizer", "none")],
        "pre_tokenizer": {**PRE_TOKENIZERS, **SPLITS}[case.get("pre_tokenizer", "none")],
        "post_processor": POST_PROCESSORS[case.get("post_processor", "none")],
        "decoder": DECODERS[case.get("decoder", "none")],
        "model": model,
    }


def ids_of(tokenizer, contents, text):
    try:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
    except BaseException:
        return None
    model = contents["model"]
    if model["type"] == "BPE" and model["unk_token"] is None:
        marked = {**model, "unk_token": "\x05unknown", "vocab": {**model["vocab"], "\x05unknown": 10**6}}
        twin = Tokenizer.from_str(json.dumps({**contents, "model": marked, "added_tokens": []}))
        if 10**6 in twin.encode(text, add_special_tokens=False).ids:
            return None
    return ids


def encoded(case, texts):
    contents = spec(case)
    tokenizer = Tokenizer.from_str(json.dumps(contents))
    return {**case, "ids": {number: ids_of(tokenizer, contents, TEXTS[number]) for number in texts}}


def encodings(chance):
    some = lambda count: sorted(chance.sample(range(len(TEXTS)), count))
    cases = []
    for normalizer, pre in itertools.product(NORMALIZERS, PRE_TOKENIZERS):
        model = "pieces"
        cases.append(encoded({"normalizer": normalizer, "pre_tokenizer": pre, "model": model}, some(2)))
    for normalizer in NORMALIZERS:
        cases.append(encoded({"normalizer": normalizer, "model": "pieces"}, range(len(TEXTS))))
    for pre in PRE_TOKENIZERS:
        cases.append(encoded({"pre_tokenizer": pre, "model": "pieces"}, range(len(TEXTS))))
    for pre in SPLITS:
        cases.append(encoded({"pre_tokenizer": pre, "model": "pieces"}, sorted({*some(4), *TRICKY})))
    for model in MODELS:
        for pre in ["none", "ByteLevel", "Metaspace always", "Bert", "llama3"]:
            cases.append(encoded({"pre_tokenizer": pre, "model": model}, some(5)))
        for normalizer in ["llama", "t5", "bert"]:
            cases.append(encoded({"normalizer": normalizer, "model": model}, some(4)))
    for tokens, normalizer, model in itertools.product(ADDED, ["none", "NFC", "Lowercase", "llama", "Strip", "bert"], ["bytes", "bpe fallback", "unigram"]):
        pre = {"bytes": "ByteLevel", "bpe fallback": "none", "unigram": "Metaspace first"}[model]
        case = {"normalizer": normalizer, "pre_tokenizer": pre, "model": model, "added": tokens}
        try:
            cases.append(encoded(case, some(2) + [20, 21, 33]))
        except Exception as error:
            cases.append({**case, "ids": None})
    for post in POST_PROCESSORS:
        cases.append(encoded({"pre_tokenizer": "ByteLevel", "model": "bytes", "post_processor": post}, some(4)))
    return cases + with_post_processors(random.Random(20261201))


def with_post_processors(chance):
    """What comes around a text, or trims offsets, changes no id of the text itself."""
    cases = []
    for post, (model, pre), tokens in itertools.product(
        POST_PROCESSORS,
        [("bytes", "ByteLevel prefix"), ("bpe fallback", "none"), ("unigram", "Metaspace first"), ("wordpiece", "Bert"), ("wordlevel", "Whitespace"), ("bpe suffix", "Bert")],
        ["none", "special", "stripping"],
    ):
        if post != "none":
            texts = sorted(chance.sample(range(len(TEXTS)), 3))
            cases.append(encoded({"pre_tokenizer": pre, "model": model, "added": tokens, "post_processor": post}, texts))
    return cases


def decodings(chance):
    cases = []
    for decoder, model, tokens in itertools.product(DECODERS, ["bytes", "bpe fallback", "unigram fallback", "wordpiece", "bpe suffix"], ["none", "normalized"]):
        case = {"decoder": decoder, "model": model, "added": tokens, "normalizer": "llama" if tokens == "normalized" else "none"}
        if tokens == "normalized" and decoder not in ("Fuse", "ByteLevel", "llama"):
            continue
        contents = spec(case)
        tokenizer = Tokenizer.from_str(json.dumps(contents))
        size = tokenizer.get_vocab_size()
        texts, streams = [], []
        for number in range(4):
            count = chance.randrange(0, 9)
            ids = [chance.randrange(size + 3) for _ in range(count)]
            texts.append([ids, tokenizer.decode(ids, skip_special_tokens=False)])
        pre = {"bytes": "ByteLevel", "bpe fallback": "none", "unigram fallback": "Metaspace always"}.get(model, "Bert")
        encoder = Tokenizer.from_str(json.dumps({**contents, "pre_tokenizer": PRE_TOKENIZERS[pre]}))
        for number in chance.sample(range(len(TEXTS)), 5):
            ids = encoder.encode(TEXTS[number], add_special_tokens=False).ids[:26]
            if chance.random() < 0.3:
                ids = ids[: len(ids) // 2] + [chance.randrange(size + 2)] + ids[len(ids) // 2 :]
            texts.append([ids, tokenizer.decode(ids, skip_special_tokens=False)])
            for cut in sorted({0, len(ids) // 2}):
                streams.append([ids[:cut], ids[cut:], streamed(tokenizer, ids[:cut], ids[cut:])])
        cases.append({**case, "texts": texts, "streams": [stream for stream in streams if stream[2] is not None]})
    return cases


def streamed(tokenizer, context, ids):
    """The text of all less that of the context; None where a text that was complete is taken back later."""
    decode = lambda some: tokenizer.decode(some, skip_special_tokens=False)
    whole, before = decode(context + ids), decode(context)
    for end in range(len(context), len(context) + len(ids) + 1):
        if not whole.startswith(decode((context + ids)[:end]).rstrip("\ufffd")):
            return None
    return whole[len(before) :] if whole.startswith(before) else whole[len(before.rstrip("\ufffd")) :]


def main(path):
    chance = random.Random(20261128)
    figures = {
        "made_by": f"tokenizers {tokenizers.__version__}",
        "texts": TEXTS,
        "normalizers": NORMALIZERS,
        "pre_tokenizers": {**PRE_TOKENIZERS, **SPLITS},
        "post_processors": POST_PROCESSORS,
        "models": MODELS,
        "decoders": DECODERS,
        "added": ADDED,
        "encodings": encodings(chance),
        "decodings": decodings(chance),
    }
    with open(path, "w") as file:
        parts = []
        for key, value in figures.items():
            if key in ("encodings", "decodings"):
                rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in value)
                parts.append(f"{json.dumps(key)}:[\n{rows}\n]")
            else:
                parts.append(f"{json.dumps(key)}:{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}")
        file.write("{" + ",\n".join(parts) + "}\n")


main(sys.argv[1])
