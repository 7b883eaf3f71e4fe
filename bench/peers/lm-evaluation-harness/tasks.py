"""Writes task definitions for lm-evaluation-harness that read local JSON Lines files.

    python tasks.py FOLDER

For each of lambada, hellaswag, piqa, arc, winogrande and text with a FOLDER/NAME.jsonl, FOLDER/NAME.yaml is the harness's own
definition of that task with the file as its data, named local_NAME.
"""

import json
import sys
from pathlib import Path

import lm_eval.tasks

DEFINITIONS = {
    "lambada": "lambada/lambada_openai.yaml",
    "hellaswag": "hellaswag/hellaswag.yaml",
    "piqa": "piqa/piqa.yaml",
    "arc": "arc/arc_easy.yaml",
    "winogrande": "winogrande/default.yaml",
}

# WikiText's measures, of the text as it is.
TEXT = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{text}}",
    "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
}


def definition(name: str, data: Path) -> dict:
    base = TEXT
    if name in DEFINITIONS:
        base = {"include": str(Path(lm_eval.tasks.__file__).parent / DEFINITIONS[name])}
    if name not in ("winogrande", "text", "lambada"):
        metrics = [{"metric": metric} for metric in ("acc", "acc_norm", "acc_bytes")]
        base = {**base, "metric_list": metrics}
    return {
        **base,
        "task": f"local_{name}",
        "tag": None,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"validation": str(data)}},
        "training_split": None,
        "validation_split": "validation",
        "test_split": None,
    }


folder = Path(sys.argv[1]).resolve()
for name in (*DEFINITIONS, "text"):
    data = folder / f"{name}.jsonl"
    if data.exists():
        # JSON is YAML.
        (folder / f"{name}.yaml").write_text(json.dumps(definition(name, data), indent=2) + "\n")
