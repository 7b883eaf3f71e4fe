"""OpenAI's client, LangChain and LiteLLM with a server of ours: python check.py http://127.0.0.1:8000/v1"""

import json
import sys

import litellm
import openai
from langchain_openai import ChatOpenAI

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1"
QUESTION = [{"role": "user", "content": "Who are you?"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
failures = 0


def check(name, work):
    global failures
    try:
        print(f"{name}: {json.dumps(work())}")
    except Exception as error:
        failures += 1
        print(f"{name}: FAILED: {error!r}")


def refusal(work):
    try:
        work()
    except Exception as error:
        return str(error)
    raise AssertionError("nothing was refused")


def same(one, other):
    assert one == other, (one, other)
    return one


def joined(pieces):
    found = [piece for piece in pieces if piece]
    assert len(found) > 1, "it came in one piece"
    return "".join(found)


client = openai.OpenAI(base_url=URL, api_key="any", max_retries=0)


def ask(**more):
    return client.chat.completions.create(model="any", messages=QUESTION, temperature=0, max_tokens=12, **more)


whole = ask().choices[0].message.content
stop = whole[4:6]
before = whole[: whole.index(stop)]


def streamed():
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    text = joined(chunk.choices[0].delta.content for chunk in chunks if chunk.choices)
    return [same(text, whole), chunks[-1].usage.total_tokens]


def left():
    with ask(stream=True) as stream:
        next(iter(stream))
    return same(ask().choices[0].message.content, whole)


check("openai, whole", lambda: whole)
check("openai, streamed, with usage", streamed)
check("openai, log-probabilities", lambda: len(ask(logprobs=True, top_logprobs=3).choices[0].logprobs.content))
check("openai, with stop", lambda: same(ask(stop=[stop]).choices[0].message.content, before))
check("openai, left", left)
check("openai, tools", lambda: refusal(lambda: ask(tools=TOOLS)))

chat = ChatOpenAI(model="any", api_key="any", base_url=URL, temperature=0, max_tokens=12, max_retries=0)
check("LangChain, whole", lambda: same(chat.invoke("Who are you?").content, whole))
check("LangChain, streamed", lambda: same(joined(piece.content for piece in chat.stream("Who are you?")), whole))
check("LangChain, with stop", lambda: same(chat.invoke("Who are you?", stop=[stop]).content, before))
check("LangChain, tools", lambda: refusal(lambda: chat.bind_tools(TOOLS).invoke("Who are you?")))


def lite(**more):
    return litellm.completion(
        model="openai/any", api_base=URL, api_key="any", messages=QUESTION, temperature=0, max_tokens=12, **more
    )


check("LiteLLM, whole", lambda: same(lite().choices[0].message.content, whole))
check(
    "LiteLLM, streamed",
    lambda: same(joined(chunk.choices[0].delta.content for chunk in lite(stream=True) if chunk.choices), whole),
)
check("LiteLLM, with stop", lambda: same(lite(stop=[stop]).choices[0].message.content, before))
check("LiteLLM, tools", lambda: refusal(lambda: lite(tools=TOOLS)))
sys.exit(1 if failures else 0)
