"""Writes docs/settings.md, the table of environment variables: python docs/settings_table.py > docs/settings.md."""

from collections.abc import Iterable, Iterator

from evolver.llm.model_spec import PROVIDERS
from evolver.llm.provider import KEYLESS, key_variable
from evolver.settings import EnvironmentSettings, LogSettings, SandboxSettings, Settings
from evolver.web.access_rules import Access

HEAD = """# Settings

What Evolver takes from the environment. Everything else is an option of a command, an argument or part of a task.
A command's own option comes before the variable. This page is made by `python docs/settings_table.py`.
"""
LOG = """`evolver --debug COMMAND` is EVOLVER_LOG=debug for one command. Lines go to standard error, beside the live
view. They hold ids, names and numbers, never what a program printed, what a model wrote, or a key. In Python,
`evolver.set_verbosity("info")` asks for the same; without it the library logger `evolver` is silent.
"""
IN_THE_SANDBOX = {
    "EVOLVER_STAGE": "Name of the stage that runs, such as `smoke`.",
    "EVOLVER_SEED": "Seed of the replicate.",
    "EVOLVER_PHASE": "Phase of the task, such as `train` or `predict`.",
    "EVOLVER_SECONDS": "Seconds that the phase may take, without those that it waits for a CPU that others have.",
    "EVOLVER_CPUS": "CPUs that the phase may use.",
    "EVOLVER_IMPORTS": "Folders below `public/` from which programs import, joined by colons.",
    "EVOLVER_METRIC": "Name of the metric that decides; in the judge alone.",
    "EVOLVER_PARAMETERS": "What `task.yaml` says under `parameters`, as JSON, for harness and judge, if it does.",
    "EVOLVER_PROCESSES": "Processes that `accelerate` starts, where the stage uses it.",
    "EVOLVER_ROOT": "Where the sandbox `none` puts what other sandboxes show below `/`.",
}


def page() -> str:
    """The whole page."""
    keys = [(name, key_variable(name)) for name in sorted(PROVIDERS) if name not in KEYLESS]
    return "\n".join(
        [
            HEAD,
            "## Commands and campaigns\n",
            *_settings(Settings),
            "\n## Sandboxes\n",
            *_settings(SandboxSettings),
            "\n## Log lines\n",
            LOG,
            *_settings(LogSettings),
            "\n## The server\n",
            *_settings(Access),
            "\n## Keys\n",
            "The key of a model's provider is read from the provider's own variable. No key enters a sandbox.\n",
            *_table(("provider", "variable"), ((name, f"`{variable}`") for name, variable in keys)),
            "\n## What programs are told\n",
            "Set by Evolver inside the sandbox; setting them outside changes nothing.\n",
            *_table(("variable", "meaning"), ((f"`{name}`", said) for name, said in IN_THE_SANDBOX.items())),
            "",
        ]
    )


def _settings(kind: type[EnvironmentSettings]) -> Iterator[str]:
    """A table of one class."""
    return _table(
        ("variable", "default", "meaning"),
        (
            (
                f"`EVOLVER_{name.upper()}`",
                _written(field.get_default(call_default_factory=True)),
                " ".join((field.description or "").split()),
            )
            for name, field in kind.model_fields.items()
        ),
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = tuple(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' for _ in heads)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _written(default: object) -> str:
    """A default as one would set it."""
    if default is None or default in ("", ()):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default}`"


if __name__ == "__main__":
    print(page(), end="")
