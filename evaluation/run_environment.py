"""What a campaign's programs run in: versions that are recorded, so that a result can be reproduced."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from evolver.contracts.campaign_events import RunsIn

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources

_CREDENTIALS = re.compile(r"//[^/@\s]*@")
PACKAGES = ("evolver", "numpy", "scipy", "torch")


def run_environment(resources: CampaignResources) -> RunsIn:
    """The versions of now."""
    task = resources.task
    gpus = max(stage.gpus for stage in task.stages_to(resources.stage))
    names = dict.fromkeys((*PACKAGES, *(name.replace("_", "-") for name in task.spec.requires)))
    found = {name: number for name in names if (number := _version(name))}
    return RunsIn(
        task_version=task.version,
        sandbox=resources.sandbox.name,
        image=resources.sandbox.image_for(tuple(task.spec.requires), gpus),
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        packages=found,
        command=_command(),
    )


def record_environment(resources: CampaignResources) -> None:
    """Keep the versions of now as an event, unless the last one says the same."""
    archive, now = resources.archive, run_environment(resources)
    before = archive.events.list(resources.name, kind=RunsIn, newest=1)
    if not before or before[-1].data.model_copy(update={"command": now.command}) != now:
        archive.events.add(resources.name, now)


def _command() -> str:
    """What was typed, without what may be a password in an address."""
    if not sys.argv or not sys.argv[0].endswith("evolver"):
        return ""
    return shlex.join(["evolver", *(_CREDENTIALS.sub("//...@", word) for word in sys.argv[1:])])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
