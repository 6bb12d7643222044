"""Which model serves which role: reads `--model` words.

`coder=anthropic:claude-sonnet-4-5@0.7` is a role, a model and its weight; `openai:qwen3@http://127.0.0.1:8080/v1` is a
model of a server of one's own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.llm.access_check import check_address
from evolver.settings import Settings

Role = Literal["researcher", "coder", "critic", "chat"]
ROLES: tuple[Role, ...] = get_args(Role)

PROVIDERS = {
    "anthropic": "langchain-anthropic",
    "azure_openai": "langchain-openai",
    "bedrock": "langchain-aws",
    "bedrock_converse": "langchain-aws",
    "cohere": "langchain-cohere",
    "deepseek": "langchain-deepseek",
    "fireworks": "langchain-fireworks",
    "google_genai": "langchain-google-genai",
    "google_vertexai": "langchain-google-vertexai",
    "groq": "langchain-groq",
    "huggingface": "langchain-huggingface",
    "mistralai": "langchain-mistralai",
    "nvidia": "langchain-nvidia-ai-endpoints",
    "ollama": "langchain-ollama",
    "openai": "langchain-openai",
    "openrouter": "langchain-openrouter",
    "perplexity": "langchain-perplexity",
    "together": "langchain-together",
    "xai": "langchain-xai",
}
"""Providers that LangChain knows, with the package that each needs."""
ALIASES = {"azure": "azure_openai", "gemini": "google_genai", "google": "google_genai", "mistral": "mistralai"}
FAMILIES = {
    r"(gpt-|chatgpt|o\d)": "openai",
    r"claude": "anthropic",
    r"gemini": "google_genai",
    r"(mistral|mixtral|codestral|devstral)": "mistralai",
    r"deepseek": "deepseek",
    r"grok": "xai",
    r"command": "cohere",
}
"""What the beginning of a model's name says about its provider."""
MOST_WEIGHT = 1000.0
"""A larger number after @ belongs to the name: some providers write dates there."""


class ModelSpec(Record):
    """A model that serves a role, or all roles that have none of their own."""

    role: Role | None = None
    model: Annotated[str, Field(pattern=r"^[^:\s]+:\S+$")]
    """`provider:name`."""
    weight: Annotated[float, Field(gt=0.0)] = 1.0
    """How often it is chosen, among the models of its role."""
    base_url: str = ""
    """Address of an OpenAI-compatible server; empty: the provider's own."""

    @property
    def provider(self) -> str:
        """The part before the colon."""
        return self.model.partition(":")[0]

    @property
    def name(self) -> str:
        """The part after the colon."""
        return self.model.partition(":")[2]

    @property
    def server(self) -> str:
        """What goes down together: the provider, or the address that is asked instead."""
        return self.base_url or self.provider


def parse_models(words: Iterable[str], base_url: str | None = None) -> tuple[ModelSpec, ...]:
    """The choices that `--model` words name. Raises UsageError that says what to write.

    `base_url` is where models of OpenAI's protocol are asked, unless a word has an address; None: EVOLVER_BASE_URL.
    """
    server = Settings().base_url if base_url is None else base_url
    return tuple(_parse(word.strip(), server.strip()) for word in words)


def models_for(choices: Sequence[ModelSpec], role: Role) -> tuple[ModelSpec, ...]:
    """The role's own models, else those of all roles. Raises UsageError where there are none."""
    own = tuple(choice for choice in choices if choice.role == role)
    found = own or tuple(choice for choice in choices if choice.role is None)
    if not found:
        raise UsageError(f"--model: no model for the {role}; write --model {role}=PROVIDER:NAME, or one for all roles")
    return found


def in_order(choices: Sequence[ModelSpec], rng: random.Random) -> tuple[ModelSpec, ...]:
    """The choices in a random order by weight: the first is asked, the others take over where it cannot be."""
    return tuple(sorted(choices, key=lambda choice: rng.random() ** (1.0 / choice.weight), reverse=True))


def _parse(word: str, base_url: str) -> ModelSpec:
    role, name = _split_role(word)
    name, weight = _split_weight(word, name)
    name, _, address = name.partition("@http")
    own = f"http{address}" if address else ""
    provider, name = _split_provider(word, name, own or base_url)
    server = own or (base_url if provider == "openai" else "")
    if server:
        check_address(server, "--base-url")
    return ModelSpec(role=role, model=f"{provider}:{name}", weight=weight, base_url=server)


def _split_role(word: str) -> tuple[Role | None, str]:
    before, equals, after = word.partition("=")
    if not equals or ":" in before or "/" in before or "@" in before:
        return None, word
    for role in ROLES:
        if before.strip() == role:
            return role, after.strip()
    raise UsageError(f"--model {word}: {before!r} is not a role; roles are {', '.join(ROLES)}")


def _split_weight(word: str, name: str) -> tuple[str, float]:
    match = re.search(r"@(-?\d*\.?\d+)$", name)
    if match is None or float(match[1]) > MOST_WEIGHT:
        return name, 1.0
    weight = float(match[1])
    if not weight > 0.0:
        raise UsageError(f"--model {word}: the weight after @ must be above 0")
    return name[: match.start()], weight


def _split_provider(word: str, name: str, base_url: str) -> tuple[str, str]:
    before, colon, after = name.partition(":")
    key = before.strip().lower().replace("-", "_")
    provider = ALIASES.get(key, key)
    if colon and provider in PROVIDERS:
        if not after.strip():
            raise UsageError(f"--model {word}: a model name must follow {before}:, as in {before}:NAME")
        if re.search(r"\s", after.strip()):
            raise UsageError(f"--model {word}: a model name has no spaces; give --model once for each model")
        return provider, after.strip()
    if not name or re.search(r"\s", name):
        raise UsageError(f"--model {word!r}: write PROVIDER:NAME, as in openai:gpt-5-mini")
    if base_url:
        return "openai", name
    for family, inferred in FAMILIES.items():
        if re.match(family, name.lower()):
            return inferred, name
    raise UsageError(
        f"--model {word}: cannot tell whose model {name!r} is; write PROVIDER:NAME (as in ollama:{name}), with one of "
        f"{', '.join(sorted(PROVIDERS))}; or give --base-url for an OpenAI-compatible server"
    )
