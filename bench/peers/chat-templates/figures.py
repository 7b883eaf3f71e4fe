"""Renders conversations by chat templates with Python's Jinja, as `transformers` sets it up, for tests without Python.

    python figures.py                                     # writes test/fixtures/chat-templates/figures.json
    python figures.py --compare FOLDER... | node compare.js   # published templates: ours beside Python's

Each FOLDER has a tokenizer_config.json, and perhaps a chat_template.jinja. Needs jinja2.
"""

import json
import sys
from pathlib import Path

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

# The forms of conversations that five families of published models have, in the Jinja that their templates are written in.
TEMPLATES = {
    "chatml": {
        "bos_token": "",
        "eos_token": "<|im_end|>",
        "template": """{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) or message.role == 'assistant' %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    },
    "instructions": {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "template": """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    },
    "headers": {
        "bos_token": "<|begin_of_text|>",
        "eos_token": "<|eot_id|>",
        "template": """{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {%- set system_message = messages[0].content | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{%- if tools is defined and tools is not none %}
    {{- raise_exception("tools") }}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\n\\n" ~ system_message ~ "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\\n\\n' ~ message.content | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    },
    "turns": {
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "template": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {{ raise_exception('System role not supported') }}
{%- endif -%}
{%- set ns = namespace(count=0) -%}
{% for message in messages %}
    {%- set ns.count = ns.count + 1 -%}
    {% if (message['role'] == 'assistant') %}
        {%- set role = 'model' -%}
    {% else %}
        {%- set role = message['role'] -%}
    {% endif %}
{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}
""",
    },
    "lines": {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "template": """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    },
}

USER, OTHER, SYSTEM = ({"role": "user", "content": text} for text in ("Who are you?", "  And \"why\",\n\ngrößer 🙂? ", "x"))
SYSTEM = {"role": "system", "content": "Answer in one line. {{ nothing }}"}
ASSISTANT, LAST = ({"role": "assistant", "content": text} for text in ("A whale.\n", " <b>Because</b> "))

CONVERSATIONS = [
    [USER],
    [SYSTEM, USER],
    [USER, ASSISTANT],
    [USER, ASSISTANT, OTHER],
    [SYSTEM, OTHER, ASSISTANT, USER, LAST],
    [USER, USER],
]


def raise_exception(message):
    raise TemplateError(message)


def render(template, names, messages, reply):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals["raise_exception"] = raise_exception
    try:
        text = environment.from_string(template).render(
            messages=messages, tools=None, documents=None, add_generation_prompt=reply, **names
        )
    except Exception:  # as some templates fail where there are no tools, or roles that they do not know
        return None
    return text


def figures(templates):
    return {
        "conversations": CONVERSATIONS,
        "templates": {
            name: {
                "settings": {**names, "chat_template": template},
                "texts": [[render(template, names, messages, reply) for reply in (False, True)] for messages in CONVERSATIONS],
            }
            for name, (template, names) in templates.items()
        },
    }


def published(folder):
    config = json.loads((folder / "tokenizer_config.json").read_text())
    names = {
        key: value["content"] if isinstance(value, dict) else value
        for key, value in config.items()
        if key.endswith("_token") and value is not None and not isinstance(value, bool)
    }
    own = folder / "chat_template.jinja"
    template = own.read_text() if own.exists() else config["chat_template"]
    return template, names


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compare"]:
        json.dump(figures({folder: published(Path(folder)) for folder in sys.argv[2:]}), sys.stdout)
    else:
        own = {
            name: (entry["template"], {key: entry[key] for key in ("bos_token", "eos_token")})
            for name, entry in TEMPLATES.items()
        }
        root = Path(__file__).resolve().parents[3]
        out = root / "test/fixtures/chat-templates/figures.json"
        out.write_text(json.dumps(figures(own), indent=2, ensure_ascii=False) + "\n")
