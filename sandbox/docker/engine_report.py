"""What the container engine offers a sandbox, and what each missing part costs: lines of `evolver doctor`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolver.errors import SandboxError
from evolver.sandbox.base import Protection
from evolver.sandbox.devices import devices
from evolver.sandbox.docker.engine import LIMITS, NO_GPU_RUNTIME, connect
from evolver.sandbox.docker.images import VARIANTS, exists, tag_of

if TYPE_CHECKING:
    from docker import DockerClient

BUILDING = {
    "plain": "0.4 GB, about 15 s",
    "cpu": "1.3 GB, about a minute",
    "cuda": "up to 10 GB, many minutes",
}
"""What each image takes to build on a fast connection."""
WITHOUT = "Without it bubblewrap confines programs: they have this machine's Python and packages"
_HOOKS = ("nvidia-container-runtime-hook", "nvidia-container-toolkit", "nvidia-ctk")


def survey() -> list[Protection]:
    """One line a part: the engine, what it can limit, GPUs, images. Starts and builds nothing."""
    try:
        client = connect()
    except SandboxError as error:
        engine = Protection(what="container engine", enforced=False, how=f"{error}. {WITHOUT}")
        return [engine, gpus(None, seen_gpus())]
    try:
        info: dict[str, Any] = client.info()
        return [_engine(info, client.api.api_version), limits(info), gpus(info, seen_gpus()), _images(client)]
    finally:
        client.close()


def limits(info: Mapping[str, Any]) -> Protection:
    """Whether the engine can enforce every limit of a job; one that cannot would ignore it without a word."""
    missing = [what for field, what in LIMITS.items() if not info.get(field)]
    if not missing:
        return Protection(what="container limits", enforced=True, how=f"{', '.join(LIMITS.values())}: all enforced")
    return Protection(
        what="container limits",
        enforced=False,
        how=f"the engine cannot limit {', '.join(missing)} and would ignore the request, so --sandbox docker refuses "
        "it: mount the control groups (package cgroupfs-mount; swap: boot with swapaccount=1) and restart the engine",
    )


def gpus(info: Mapping[str, Any] | None, seen: list[str]) -> Protection:
    """Which GPUs there are and whether the engine, as it describes itself, can hand them to containers."""
    if not seen:
        return Protection(
            what="GPUs",
            enforced=False,
            how="none seen; only stages that ask for GPUs need them, and those "
            "need NVIDIA's driver, with --sandbox docker NVIDIA Container Toolkit too",
        )
    found = f"{len(seen)} seen ({', '.join(dict.fromkeys(seen))})"
    if info is None:
        how = f"{found}; bubblewrap hands them to programs, no container engine is there to"
        return Protection(what="GPUs", enforced=True, how=how)
    way = _gpu_runtime(info)
    return Protection(
        what="GPUs", enforced=bool(way), how=f"{found}, by way of {way}" if way else f"{found}, but " + NO_GPU_RUNTIME
    )


def seen_gpus() -> list[str]:
    """The GPUs that jobs may use, by name where NVIDIA's tool tells them."""
    names, tool = {}, shutil.which("nvidia-smi")
    if tool is not None:
        try:
            said = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20, check=False).stdout
        except (OSError, subprocess.TimeoutExpired):
            said = ""
        names = dict(re.findall(r"^GPU (\d+): (.+?)(?: \(UUID.*)?$", said, re.MULTILINE))
    return [names.get(device, f"/dev/nvidia{device}") for device in devices()]


def _gpu_runtime(info: Mapping[str, Any]) -> str:
    """What the engine hands GPUs out with; empty if nothing is seen."""
    if "nvidia" in (info.get("Runtimes") or {}):
        return "the runtime nvidia"
    hook = next((found for name in _HOOKS if (found := shutil.which(name))), None)
    if hook is not None:
        return hook
    folders = [Path(folder) for folder in info.get("CDISpecDirs") or ()]
    specifications = [path for folder in folders for path in folder.glob("*nvidia*") if path.is_file()]
    return f"CDI, {specifications[0]}" if specifications else ""


def _engine(info: Mapping[str, Any], api: str) -> Protection:
    parts = [
        f"Docker {info.get('ServerVersion', '')}",
        f"API {api}",
        f"control groups version {info.get('CgroupVersion', '1')}",
        f"storage {info.get('Driver', 'unknown')} in {info.get('DockerRootDir', 'unknown')}",
    ]
    return Protection(what="container engine", enforced=True, how=", ".join(parts))


def _images(client: DockerClient) -> Protection:
    there, said = {}, []
    for variant in VARIANTS:
        tag = tag_of(variant)
        there[variant] = exists(client, tag)
        if there[variant]:
            said.append(f"{tag} is there")
        else:
            said.append(f"{variant} is not built ({BUILDING[variant]}; `evolver sandbox build --variant {variant}`)")
    said.append("a campaign builds the one it lacks when it first needs it")
    return Protection(what="images", enforced=there["plain"], how="; ".join(said))
