"""The images that Evolver made on this machine: which there are, which are out of date, and removing those."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evolver.contracts import Record
from evolver.errors import SandboxError
from evolver.sandbox.docker.images import BASE, LABEL, PIP, REPOSITORY, VARIANT, tag_from
from evolver.sandbox.docker.task_layer import LAYER, layer_tag

if TYPE_CHECKING:
    from docker import DockerClient


_TAGGED_WITHIN = timedelta(minutes=1)
"""An image without a tag that is younger may be one that is just being finished."""


class Image(Record):
    """An image that Evolver made."""

    id: str
    tag: str
    """Empty where a later build took it."""
    variant: str
    base: str
    has: str = ""
    """What a layer for tasks adds to an image."""
    size: int
    """Bytes, of which images of one base share most."""
    created: datetime
    current: bool
    """Whether this version of Evolver would still make it so."""


def list_images(client: DockerClient) -> list[Image]:
    """The images that Evolver made, newest first. Raises SandboxError where the engine does not answer."""
    from docker.errors import APIError
    from requests.exceptions import RequestException

    try:
        found: list[dict[str, Any]] = client.api.images(filters={"label": f"{LABEL}=1"})
    except (APIError, RequestException) as error:
        raise SandboxError(f"the container engine does not list its images: {error}") from error
    found.sort(key=lambda entry: -int(entry["Created"]))
    return [image for entry in found for image in _images(entry)]


def prune_images(client: DockerClient) -> tuple[list[Image], list[Image]]:
    """Remove images that are out of date; those removed, and those that a container still uses."""
    from docker.errors import APIError, ImageNotFound

    removed, used = [], []
    for image in list_images(client):
        if image.current or (not image.tag and datetime.now(UTC) - image.created < _TAGGED_WITHIN):
            continue
        try:
            client.api.remove_image(image.tag or image.id)
        except ImageNotFound:
            continue
        except APIError as error:
            if error.status_code != 409:
                raise SandboxError(f"{image.tag or image.id} cannot be removed: {error.explanation}") from error
            used.append(image)
        else:
            removed.append(image)
    return removed, used


def _images(entry: dict[str, Any]) -> Iterable[Image]:
    labels: dict[str, str] = entry.get("Labels") or {}
    variant, base, pip = (labels.get(name, "") for name in (VARIANT, BASE, PIP))
    tags = [tag for tag in entry.get("RepoTags") or () if tag != "<none>:<none>"]
    ours = [tag for tag in tags if tag.startswith(f"{REPOSITORY}:")]
    for tag in ours if tags else [""]:  # an image of the user's own, made from one of ours, has its labels too
        below, layer = tag_from(variant, base, pip.split()), labels.get(LAYER, "")
        yield Image(
            id=entry["Id"],
            tag=tag,
            variant=variant,
            base=base,
            size=entry["Size"],
            created=datetime.fromtimestamp(entry["Created"], UTC),
            has=layer,
            current=bool(tag) and tag == (layer_tag(below, layer.split()) if layer else below),
        )
