"""Opens chat models through LangChain and sends them one request; nothing heavy is imported before the first one."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from evolver.contracts import Message, ToolCall
from evolver.errors import UsageError
from evolver.llm.access_check import checked_key
from evolver.llm.budget import TokenEstimate
from evolver.llm.capabilities import Capabilities, Form, Length, Sent, strict_schema
from evolver.llm.model_spec import PROVIDERS, ModelSpec
from evolver.llm.provider_errors import FailureKind, ProviderFailure, classify, innermost
from evolver.llm.replies import Reply, cut_reply, read_message
from evolver.logging import get_logger
from evolver.redaction import Redactor

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

EXTRAS = {"openai": "openai", "azure_openai": "openai", "anthropic": "anthropic", "google_genai": "google"}
EXTRAS |= {"ollama": "ollama"}
KEYS = {"mistralai": "MISTRAL_API_KEY", "huggingface": "HUGGINGFACEHUB_API_TOKEN", "perplexity": "PPLX_API_KEY"}
KEYS |= {"google_genai": "GOOGLE_API_KEY", "bedrock": "AWS_ACCESS_KEY_ID", "bedrock_converse": "AWS_ACCESS_KEY_ID"}
KEYLESS = {"ollama", "google_vertexai"}
NO_KEY = "no-key-needed"
"""Sent to servers of the user's own where no key is set: the library insists on one."""
LENGTH_NAMES = {"google_genai": "max_output_tokens", "ollama": "num_predict"}
STEPS = 8
"""How often one request may be sent again with less, before its refusal counts."""

_log = get_logger(__name__)

Notice = Callable[[str, str], Awaitable[None]]
"""Takes a model and what is different about it from now on."""


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for models, in seconds."""

    request: float = 180.0
    """For one answer."""
    attempts: int = 5
    """Requests for one answer before the provider counts as down."""
    pause: float = 1.0
    """Before the second attempt; it doubles from there, with jitter."""
    longest_pause: float = 30.0
    outage: float = 3600.0
    """For a provider that is down to come back."""
    probe: float = 2.0
    """Before a provider that is down is tried again; it doubles from there."""
    longest_probe: float = 60.0


@dataclass(frozen=True)
class Question:
    """What is asked of a model."""

    messages: tuple[Message, ...]
    form: type[BaseModel] | None = None
    """What the answer is to be; None: free text."""
    answer_tokens: int = 16384
    temperature: float | None = None
    tools: tuple[dict[str, Any], ...] = ()
    """JSON schemas of functions that the model may ask for."""

    def schema(self) -> dict[str, Any] | None:
        """The JSON schema of the answer; not to be changed."""
        return None if self.form is None else _schema(self.form)

    def size(self) -> int:
        """Bytes of the prompt, the schema included."""
        schema = self.schema()
        said = sum(len(message.text.encode()) for message in self.messages)
        tools = len(json.dumps(self.tools)) if self.tools else 0
        return said + tools + (0 if schema is None else len(json.dumps(schema)))


@cache
def _schema(form: type[BaseModel]) -> dict[str, Any]:
    # Making one takes milliseconds, and a call needs it several times.
    return form.model_json_schema()


class ChatModel:
    """One model as this process knows it. One event loop per process: the libraries keep their connections in it."""

    def __init__(self, choice: ModelSpec, *, request_seconds: float, redactor: Redactor, notice: Notice) -> None:
        self.choice = choice
        self.capabilities = Capabilities()
        self.estimate = TokenEstimate()
        self.answered = False
        """Whether any request was answered so far."""
        self._seconds = request_seconds
        self._redactor = redactor
        self._notice = notice
        self._clients: dict[tuple[object, ...], BaseChatModel] = {}

    def prompt_tokens(self, question: Question) -> int:
        """Tokens of a prompt, estimated."""
        return self.estimate.tokens(question.size(), len(question.messages))

    def check(self) -> None:
        """Open the model without asking it anything. Raises UsageError where its package or key is missing."""
        self._client(16, None)

    async def send(self, question: Question) -> Reply:
        """One answer; sends the request again with less where the provider refuses a parameter. Raises Failure.

        Raises UsageError where the model cannot be opened.
        """
        for _ in range(STEPS):
            sent = self._sent(question)
            try:
                reply = await self._request(question, sent)
            except ProviderFailure as failure:
                dropped = self.capabilities.step_down(failure, sent)
                if dropped is None:
                    raise
                if dropped:
                    _log.warning("%s: %s", self.choice.model, dropped)
                    await self._notice(self.choice.model, dropped)
            else:
                self.answered = True
                if reply.tokens_in is not None:
                    self.estimate.learn(question.size(), len(question.messages), reply.tokens_in)
                return reply
        raise ProviderFailure(
            FailureKind.REJECTED, f"{self.choice.model} refused the request whatever was left out of it"
        )

    def _sent(self, question: Question) -> Sent:
        able = self.capabilities
        form = able.form if question.form is not None else Form.TEXT
        if form is Form.STRICT and strict_schema(question.schema() or {}) is None:
            form = Form.SCHEMA
        return Sent(
            form=form,
            length=able.length,
            stream=able.stream,
            temperature=able.temperature and question.temperature is not None,
            system=able.system and any(message.role == "system" for message in question.messages),
            tools=able.tools and bool(question.tools),
            prompt_tokens=self.prompt_tokens(question),
            answer_tokens=able.answer_tokens(question.answer_tokens),
        )

    async def _request(self, question: Question, sent: Sent) -> Reply:
        client = self._client(sent.answer_tokens, question.temperature if sent.temperature else None)
        chain = client.bind_tools(question.tools) if sent.tools else _formed(client, question, sent.form)
        messages = _with_form_in_words(question) if sent.form is Form.TEXT else question.messages
        failure: ProviderFailure | None = None
        try:
            async with asyncio.timeout(self._seconds):
                raw = await chain.ainvoke(_turns(messages, self.capabilities))
        except TimeoutError:
            waited = f"no answer within {self._seconds:g} s (EVOLVER_REQUEST_SECONDS)"
            failure = ProviderFailure(FailureKind.TRANSIENT, waited, billed=True)
        except Exception as error:
            cut = cut_reply(error)
            if cut is not None:
                return cut.scrubbed(self._redactor)
            failure = classify(error, self._redactor)
        if failure is not None:
            # Raised here, without the library's error behind it: that one holds the request with its headers.
            raise failure
        message = raw["raw"] if isinstance(raw, dict) else raw
        reply = read_message(message, with_tools=sent.tools).scrubbed(self._redactor)
        if reply.broken:
            said = f"the server broke the answer off ({reply.broken})"
            raise ProviderFailure(FailureKind.TRANSIENT, said, billed=bool(reply.text.strip()))
        return reply

    def _client(self, answer_tokens: int, temperature: float | None) -> BaseChatModel:
        able = self.capabilities
        key = (answer_tokens, temperature, able.length, able.stream)
        if key not in self._clients:
            self._clients[key] = _open(self.choice, self._options(answer_tokens, temperature))
        return self._clients[key]

    def _options(self, answer_tokens: int, temperature: float | None) -> dict[str, Any]:
        able, provider = self.capabilities, self.choice.provider
        options: dict[str, Any] = {"base_url": self.choice.base_url} if self.choice.base_url else {}
        if provider == "ollama":
            options["client_kwargs"] = {"timeout": self._seconds}
        else:
            # Google's library counts the first attempt as a retry.
            options |= {"timeout": self._seconds, "max_retries": 1 if provider == "google_genai" else 0}
        if temperature is not None:
            options["temperature"] = temperature
        if able.length is Length.PARAMETER:
            options[LENGTH_NAMES.get(provider, "max_tokens")] = answer_tokens
        elif able.length is Length.LEGACY:
            options["extra_body"] = {"max_tokens": answer_tokens}
        if able.stream:
            options |= {"streaming": True, **({"stream_usage": True} if provider == "openai" else {})}
        variable = key_variable(provider)
        key = checked_key(variable, f"--model {self.choice.model}") if provider not in KEYLESS else ""
        if self.choice.base_url and provider == "openai" and not key:
            options["api_key"] = NO_KEY
        elif key and key != os.environ[variable]:
            options["api_key"] = key
        return options


def key_variable(provider: str) -> str:
    """The environment variable that holds a provider's key."""
    return KEYS.get(provider, f"{provider.upper()}_API_KEY")


def _open(choice: ModelSpec, options: dict[str, Any]) -> BaseChatModel:
    """Raises UsageError that names the package to install or the key to set."""
    package = PROVIDERS.get(choice.provider)
    if package is None:
        raise UsageError(f"--model {choice.model}: unknown provider; there are {', '.join(sorted(PROVIDERS))}")
    extra = EXTRAS.get(choice.provider)
    install = f"pip install 'evolver[{extra}]'" if extra else f"pip install langchain {package}"
    missing = [name for name in ("langchain", package.replace("-", "_")) if not _installed(name)]
    if missing:
        raise UsageError(f"--model {choice.model} needs a package that is not installed: {install}")
    try:
        return _made(choice, options)
    except ImportError as error:
        raise UsageError(f"--model {choice.model}: {error}; {install}") from None
    except Exception as error:
        variable = key_variable(choice.provider)
        if choice.provider not in KEYLESS and not os.environ.get(variable):
            server = ", or give --base-url for a server of your own" if choice.provider == "openai" else ""
            raise UsageError(f"--model {choice.model}: no key; set {variable}{server}") from None
        raise UsageError(f"--model {choice.model}: {Redactor()(innermost(error))}") from None


def _made(choice: ModelSpec, options: dict[str, Any]) -> BaseChatModel:
    if choice.provider == "openai":
        from evolver.llm.openai_compatible import OpenAiCompatible

        return OpenAiCompatible(model=choice.name, **options)
    from langchain.chat_models import init_chat_model

    model: BaseChatModel = init_chat_model(choice.name, model_provider=choice.provider, **options)
    return model


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:
        return False


def _formed(client: BaseChatModel, question: Question, form: Form) -> Any:
    """The model, asked for a form in the strictest way that is left. Raises Failure where it knows no such way."""
    schema = question.schema()
    if schema is None or form is Form.TEXT:
        return client
    strict = form is Form.STRICT
    wanted = (strict_schema(schema) if strict else None) or schema
    wanted = {"title": "answer", "description": "The answer.", **wanted}
    takes_strict = "strict" in inspect.signature(client.with_structured_output).parameters
    try:
        return client.with_structured_output(
            wanted, method="json_schema", include_raw=True, **({"strict": strict} if takes_strict else {})
        )
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ProviderFailure(
            FailureKind.REJECTED, f"no json_schema with this library: {error}", parameter="json_schema"
        ) from None


def _turns(messages: Sequence[Message], able: Capabilities) -> list[dict[str, Any]]:
    """The messages as they are sent: neighbours of one role joined, instructions in the first turn where they must."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "user" if message.role == "system" and not able.system else message.role
        if message.role == "tool":
            turns.append({"role": "tool", "content": message.text, "tool_call_id": message.answers})
        elif message.calls:
            turns.append({"role": role, "content": message.text, "tool_calls": [_as_sent(c) for c in message.calls]})
        elif turns and turns[-1]["role"] == role and "tool_calls" not in turns[-1]:
            turns[-1]["content"] += f"\n\n{message.text}"
        else:
            turns.append({"role": role, "content": message.text})
    return turns


def _as_sent(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _with_form_in_words(question: Question) -> Sequence[Message]:
    schema = question.schema()
    if schema is None:
        return question.messages
    words = (
        "Answer with one JSON object, without any text around it, that follows this JSON schema:\n"
        f"{json.dumps(schema, ensure_ascii=False)}"
    )
    *before, last = question.messages
    if last.role != "user":
        return (*question.messages, Message(role="user", text=words))
    return (*before, Message(role="user", text=f"{last.text}\n\n{words}"))
