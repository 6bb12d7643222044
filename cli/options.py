"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
SandboxChoice = Annotated[
    str | None, typer.Option("--sandbox", help="auto, docker, bubblewrap, or none (protects nothing).")
]
