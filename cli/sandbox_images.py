"""`evolver sandbox build`, `list` and `prune`: the images that programs run in."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from evolver.errors import UsageError
from evolver.formatting import disk_size, duration
from evolver.sandbox.docker.engine import connect
from evolver.sandbox.docker.image_list import Image, list_images, prune_images
from evolver.sandbox.docker.images import VARIANTS, Variant, ensure_image
from evolver.sandbox.docker.task_layer import build_layer
from evolver.settings import Settings


def build(task: str, variant: str, base: str, pip_args: str, rebuild: bool, as_json: bool) -> None:
    """Build an image, or the layer of a task, unless it is there.

    Raises UsageError for a variant or task there is not, SandboxError if it fails.
    """
    needs = _needs(task) if task else None
    chosen, client, started = _variant(variant or "plain"), connect(), time.monotonic()
    steps: list[str] = []

    def show(line: str) -> None:
        steps.append(line)
        print(line, file=sys.stderr, flush=True)

    try:
        if needs is None:
            tag = ensure_image(client, chosen, base=base or None, pip_args=pip_args, progress=show, rebuild=rebuild)
        else:
            requires, gpus = needs
            tag = build_layer(
                client,
                requires,
                gpus,
                variant=chosen if variant else None,
                base=base or None,
                pip_args=pip_args,
                progress=show,
                rebuild=rebuild,
            )
        image = next(image for image in list_images(client) if image.tag == tag)
    finally:
        client.close()
    seconds, built = time.monotonic() - started, any(line.startswith("Step ") for line in steps)
    if as_json:
        print(json.dumps({**image.model_dump(mode="json"), "built": built, "seconds": round(seconds, 1)}))
    else:
        print(f"{tag}, {disk_size(image.size)}: {f'built in {duration(seconds)}' if built else 'is there already'}")


def _needs(reference: str) -> tuple[tuple[str, ...], int]:
    """The packages that a task requires, and the most devices of a trial."""
    from evolver.evaluation.environment import required_by
    from evolver.tasks import load_task

    task = load_task(reference, Settings().home)
    return tuple(required_by(task)), max(spec.gpus for spec in task.stages_to())


def show_images(as_json: bool) -> None:
    """The images that Evolver made. Raises SandboxError."""
    client = connect()
    try:
        images = list_images(client)
    finally:
        client.close()
    if as_json:
        print(json.dumps({"images": [image.model_dump(mode="json") for image in images]}))
    elif not images:
        print("No images yet. Build one: evolver sandbox build (a campaign builds what it needs by itself)")
    else:
        table = Table(box=None, header_style="dim")
        for column in ("image", "base", "size", "age", "state"):
            table.add_column(column, justify="right" if column in ("size", "age") else "left", no_wrap=column != "base")
        for image in images:
            age = max(0.0, (datetime.now(UTC) - image.created).total_seconds())
            state = "current" if image.current else "outdated"
            table.add_row(
                _name(image), f"{image.base} {image.has}".strip(), disk_size(image.size), duration(age), state
            )
        Console(highlight=False).print(table)


def prune(as_json: bool) -> None:
    """Remove outdated images. Raises SandboxError."""
    client = connect()
    try:
        removed, used = prune_images(client)
    finally:
        client.close()
    if as_json:
        print(json.dumps({"removed": _names(removed), "in_use": _names(used)}))
        return
    print(f"Removed {', '.join(_names(removed))}" if removed else "Nothing to remove: no image is outdated and unused")
    if used:
        print(f"Still used by a container: {', '.join(_names(used))}")


def _variant(name: str) -> Variant:
    for variant in VARIANTS:
        if variant == name:
            return variant
    raise UsageError(f"--variant {name}: there is no such image; take {', '.join(VARIANTS[:-1])} or {VARIANTS[-1]}")


def _name(image: Image) -> str:
    return image.tag or image.id.removeprefix("sha256:")[:12]


def _names(images: Sequence[Image]) -> list[str]:
    return [_name(image) for image in images]
