"""What a person may say about a campaign, once for every place where they say it.

The command line's options, the form of the page and of Studio, `Context` and the campaign's record are made from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator
from pydantic_core import ErrorDetails

from evolver.contracts.names import ParentsKind, SandboxKind, TunerKind
from evolver.contracts.record import Record
from evolver.errors import WrongValue

TeamKind = Literal["offline", "llm", "hybrid"]
"""Who proposes and writes programs: search operators, language models, or both."""
MemoryKind = Literal["off", "campaign", "scope", "shared", "shuffled"]
"""Whose lessons a campaign goes by."""
ToolsKind = Literal["on", "off"]
"""Whether researcher and coder have tools."""
CAMPAIGN_NAME = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"
"""Pattern of a campaign's name: it names files, and it stands in addresses. Browsers want the dash escaped."""


class Spelling(Protocol):
    """How a surface writes an option, with its value if one is given: `workers` and 0 are `--workers 0` in a shell."""

    def __call__(self, name: str, value: object = None, /) -> str:
        """Name and value."""
        ...


LONGEST_SHOWN = 200
"""Characters of a wrong value that are said again."""
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(value: object) -> object:
    """Seconds of `90`, `90s`, `10m`, `1.5h` or `2d`; anything else as it is."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else value


def _as_text(value: object) -> object:
    """A path as the text that is kept; anything else as it is."""
    return str(value) if isinstance(value, PurePath) else value


def _as_texts(value: object) -> object:
    return [_as_text(one) for one in value] if isinstance(value, list | tuple) else value


Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_seconds)]
Threshold = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_seconds)]


@dataclass(frozen=True)
class Option:
    """How people meet a field, beside its title, description and limits."""

    flags: tuple[str, ...] = ()
    """On the command line; none: an argument by its place."""
    unset: str = ""
    """What holds where nothing is said."""
    write: str = ""
    """What to write where a value is wrong; empty: the limits say it."""
    begins: bool = False
    """Whether it is said when a campaign begins, and holds for good."""
    is_duration: bool = False
    """Whether the command line takes it as `90s` or `10m`."""


class CampaignConfig(Record):
    """What a campaign's record keeps of what was said."""

    task: Annotated[
        str,
        BeforeValidator(_as_text),
        Field(min_length=1, max_length=4096),
        Option(write="write the name of a built-in task or the path of a task folder", begins=True),
    ] = Field(
        "circle-packing",
        title="Task",
        description="Built-in task (see `evolver task list`) or path of a task folder",
    )
    workers: Annotated[
        Annotated[int, Field(ge=1, le=256)] | None, Option(("--workers", "-w"), unset="as the CPUs allow")
    ] = Field(None, title="Workers", description="Trials at a time")
    sandbox: Annotated[SandboxKind | None, Option(("--sandbox",), unset="EVOLVER_SANDBOX, or auto")] = Field(
        None, title="Sandbox", description="Where programs run; none protects nothing"
    )
    isolate: Annotated[bool, Option(("--isolate/--no-isolate",), begins=True)] = Field(
        False,
        exclude_if=lambda said: not said,
        title="Isolate",
        description="Run one trial at a time, whatever the workers, so that no two can signal each other",
    )
    notes: Annotated[tuple[str, ...], BeforeValidator(_as_texts), Option(("--notes",), begins=True)] = Field(
        (),
        title="Notes",
        description="More notes: markdown, text or PDF files or folders",
    )
    stage: Annotated[str, Option(("--stage",), unset="the task's own choice", begins=True)] = Field(
        "", title="Stage", description="The stage whose metric decides"
    )
    seed: Annotated[int, Option(("--seed", "-s"), begins=True)] = Field(
        0, title="Seed", description="Seed of the search"
    )
    parents: Annotated[ParentsKind, Option(("--parents",), begins=True)] = Field(
        "ucb1", title="Parent selection", description="How a parent is chosen from the pool"
    )
    tuner: Annotated[TunerKind, Option(("--tuner",), begins=True)] = Field(
        "optuna:tpe", title="Tuner", description="What chooses constants offline"
    )
    recall: Annotated[bool, Option(("--recall/--no-recall",), begins=True)] = Field(
        True, title="Recall", description="Use lessons of earlier campaigns on the same task"
    )
    memory: Annotated[MemoryKind, Option(("--memory",), begins=True)] = Field(
        "scope",
        title="Memory",
        description="Whose lessons count: none, the campaign's own, those of earlier campaigns with the same judge, "
        "harness and metric, or those of other versions and tasks too, once they have proved themselves here; or, as a "
        "control, the campaign's own, shuffled among changes and operators",
    )
    from_campaign: Annotated[
        str,
        Field(pattern=f"^({CAMPAIGN_NAME})?$"),
        Option(
            ("--from",), unset="from the baseline alone", write="write the name of an earlier campaign", begins=True
        ),
    ] = Field(
        "",
        title="From",
        description="Earlier campaign whose best programs, notes and lessons this one begins with",
    )
    team: Annotated[TeamKind | None, Option(("--team",), unset="hybrid where a model is given, else offline")] = Field(
        None, title="Team", description="Who proposes and writes programs: search operators, models, or both"
    )
    models: Annotated[tuple[str, ...], Option(("--model", "-m"), unset="EVOLVER_MODEL, or none")] = Field(
        (),
        title="Models",
        description="PROVIDER:NAME, as in openai:gpt-5-mini, or ROLE=PROVIDER:NAME, each with @WEIGHT if wanted; keys "
        "stay in the environment",
    )
    base_url: Annotated[str, Option(("--base-url",), unset="EVOLVER_BASE_URL, or the provider's own")] = Field(
        "", title="Base URL", description="Address of an OpenAI-compatible server for the models"
    )
    tools: Annotated[ToolsKind, Option(("--tools",), begins=True)] = Field(
        "on",
        title="Tools",
        description="Whether models may run commands in the sandbox, search and edit before they answer",
    )
    approve_above: Annotated[
        Threshold | None,
        Option(
            ("--approve-above",),
            unset="never",
            write="write 0, or a duration such as 90s, 10m or 2h",
            is_duration=True,
        ),
    ] = Field(
        None,
        title="Approve above",
        description="Ask a person before an experiment whose trials may take more seconds (GPU-seconds where GPUs are "
        "used)",
    )


class RunConfig(CampaignConfig):
    """Everything that may be said about a run. An existing campaign keeps what was said when it began.

    Raises WrongValue, which names the option as the surface spells it that is given in the validation context.
    """

    experiments: Annotated[Count | None, Option(("--experiments", "-n"), unset="what the task suggests")] = Field(
        None, title="Experiments", description="Experiments beside the baseline"
    )
    seconds: Annotated[
        Seconds | None,
        Option(
            ("--time", "-t"),
            unset="no limit",
            write="write a positive duration such as 90s, 10m or 2h",
            is_duration=True,
        ),
    ] = Field(None, title="Time", description="Budget of wall-clock seconds")
    cost: Annotated[
        Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, Option(("--cost",), unset="no limit")
    ] = Field(None, title="Cost", description="Most US dollars for models; a hard limit")
    tokens: Annotated[Annotated[int, Field(ge=1)] | None, Option(("--tokens",), unset="no limit")] = Field(
        None, title="Tokens", description="Most tokens for models, prompts and answers; a hard limit"
    )
    target: Annotated[
        Annotated[float, Field(allow_inf_nan=False)] | None, Option(("--target",), unset="the task's own, or none")
    ] = Field(None, title="Target", description="Score of the champion, confirmed, that ends the campaign")
    patience: Annotated[Count | None, Option(("--patience",), unset="no limit")] = Field(
        None, title="Patience", description="Experiments without a new champion that end the campaign"
    )
    campaign: Annotated[
        str,
        Field(pattern=f"^({CAMPAIGN_NAME})?$"),
        Option(
            ("--campaign", "-c"),
            unset="the task and a number",
            write="use letters, digits, dot, dash and underscore, at most 64",
            begins=True,
        ),
    ] = Field("", title="Campaign", description="Name of the campaign to start, or to go on with")

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_sentence(cls, given: Any, check: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        try:
            return check(given)
        except ValidationError as error:
            spelling: Spelling = (info.context or {}).get("spelling", in_python)
            raise WrongValue(_complaint(cls, error.errors()[0], spelling)) from None


def in_python(name: str, value: object = None) -> str:
    """An option as an argument."""
    return name if value is None else f"{name}={value!r}"


def _complaint(config: type[RunConfig], error: ErrorDetails, spelling: Spelling) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    if name not in config.model_fields:
        what = f"there is no option {name}" if name else "this is no configuration"
        return f"{what}; options are {', '.join(config.model_fields)}"
    value = error["input"]
    shown = value[:LONGEST_SHOWN] if isinstance(value, str) else value
    is_own = "url" not in error or name not in RunConfig.model_fields  # a sentence of a validator of ours
    return f"{spelling(name, shown)}: {error['msg'] if is_own else what_to_write(name)}"


def option(name: str) -> Option:
    """How people meet a field of `RunConfig`."""
    return next(known for known in RunConfig.model_fields[name].metadata if isinstance(known, Option))


@cache
def _schemas() -> dict[str, Any]:
    fields: dict[str, Any] = RunConfig.model_json_schema()["properties"]
    return fields


def fields() -> tuple[str, ...]:
    """The fields in the order in which people are shown them: the task, its budget, then how it is run."""
    own = [name for name in RunConfig.model_fields if name not in CampaignConfig.model_fields]
    return tuple(dict.fromkeys(("task", *own, *RunConfig.model_fields)))


def limits(name: str) -> dict[str, Any]:
    """The JSON Schema of a field's value where something is said, with its title, description and default."""
    schema = _schemas()[name]
    said: dict[str, Any] = next((arm for arm in schema.get("anyOf", ()) if arm.get("type") != "null"), {})
    return {key: value for key, value in {**schema, **said}.items() if key != "anyOf"}


def what_to_write(name: str) -> str:
    """What a field takes, as an order."""
    found = limits(name)
    if option(name).write:
        return option(name).write
    if "enum" in found:
        return f"choose one of {', '.join(found['enum'])}"
    if found["type"] not in ("integer", "number"):
        return {"boolean": "write true or false", "array": "write a list of texts"}.get(found["type"], "write a text")
    kind = "a whole number" if found["type"] == "integer" else "a number"
    least, most = found.get("minimum"), found.get("maximum")
    if least is not None and most is not None:
        return f"write {kind} from {least:,} to {most:,}"
    above = found.get("exclusiveMinimum")
    bound = f" of at least {least}" if least is not None else f" above {above:g}" if above is not None else ""
    return f"write {kind}{bound}"
