"""A layer on an image with what a task requires: named by its content, used by all tasks that require the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from evolver.errors import UsageError
from evolver.sandbox.base import DEBIAN, IN_IMAGES, python_packages
from evolver.sandbox.docker.images import (
    REPOSITORY,
    Variant,
    ensure_image,
    exists,
    run_build,
    tag_of,
    variant_for,
)
from evolver.settings import SandboxSettings

if TYPE_CHECKING:
    from docker import DockerClient

LAYER = "evolver.layer"
"""Label of a layer: what it was made to have."""
_NAMES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""What pip calls packages that are not installed here and have another name there."""
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_RECIPE = """ARG BASE
FROM ${BASE}
USER root
ARG DEBIAN=
RUN [ -z "${DEBIAN}" ] || { apt-get update && \\
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${DEBIAN} && \\
    rm -rf /var/lib/apt/lists/*; }
ARG PIP="env PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_BREAK_SYSTEM_PACKAGES=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=1 /usr/local/bin/python -m pip install"
ARG PIP_ARGS=
ARG PYTHON=
RUN [ -z "${PYTHON}" ] || ${PIP} ${PIP_ARGS} ${PYTHON}
USER 65534:65534
ARG MODULES=
RUN for module in ${MODULES}; do /usr/local/bin/python -c "import ${module}" || exit 1; done
ARG HAS
LABEL evolver.layer="${HAS}"
"""


def beyond(requires: Iterable[str]) -> tuple[str, ...]:
    """What images do not come with, in one order."""
    return tuple(sorted({name for name in requires if name.partition(".")[0] not in IN_IMAGES}))


def layer_tag(image: str, more: Sequence[str]) -> str:
    """The tag of a layer on an image."""
    content = hashlib.sha256("\0".join((_RECIPE, image, *more)).encode()).hexdigest()
    return f"{REPOSITORY}:task-{content[:12]}"


def image_with(
    client: DockerClient, requires: Sequence[str], gpus: int, settings: SandboxSettings | None = None
) -> str:
    """The layer that has what is required, if it was built; else the tag of the image, which may not be there yet."""
    image, more = tag_of(variant_for(requires, gpus), settings=settings), beyond(requires)
    layer = layer_tag(image, more)
    return layer if more and exists(client, layer) else image


def build_layer(
    client: DockerClient,
    requires: Sequence[str],
    gpus: int,
    *,
    variant: Variant | None = None,
    base: str | None = None,
    pip_args: str = "",
    progress: Callable[[str], None] | None = None,
    rebuild: bool = False,
) -> str:
    """The tag of a layer that is there; of the image alone where that has everything. Blocks.

    Args:
        client: The engine's.
        requires: Packages by the names that they are imported under, and `deb:NAME` for Debian's.
        gpus: That a job needs.
        variant: Of the image below; what fits unless named.
        base: As in `ensure_image`.
        pip_args: Further words for pip, such as an index.
        progress: What is told of the build, line by line.
        rebuild: Build it although it is there.

    Raises:
        SandboxError: It cannot be built, or what it was built of cannot be imported.
        UsageError: A name is none of a package.
    """
    settings, say = SandboxSettings(), progress or (lambda line: None)
    chosen, more = variant or variant_for(requires, gpus), beyond(requires)
    image = ensure_image(client, chosen, base=base, pip_args=pip_args, settings=settings, progress=progress)
    layer = layer_tag(image, more)
    if not more:
        return image
    if wrong := [name for name in more if _PACKAGE.fullmatch(name.removeprefix(DEBIAN)) is None]:
        raise UsageError(f"task.yaml: requires: {wrong[0]!r} is no name of a package")
    if rebuild or not exists(client, layer):
        modules = python_packages(more)
        arguments = {
            "BASE": image,
            "DEBIAN": " ".join(name.removeprefix(DEBIAN) for name in more if name.startswith(DEBIAN)),
            "PIP_ARGS": pip_args or settings.image_pip_args,
            "PYTHON": " ".join(_distributions(modules)),
            "MODULES": " ".join(modules),
            "HAS": " ".join(more),
        }
        recipe = {"Dockerfile": _RECIPE.encode()}
        run_build(client, layer, image, recipe, arguments, settings.image_network, say, fresh=rebuild)
    return layer


def _distributions(modules: Iterable[str]) -> list[str]:
    """What pip calls packages, by what they are imported as: as installed here, or by the names known to differ."""
    known = importlib.metadata.packages_distributions()
    tops = dict.fromkeys(name.partition(".")[0] for name in modules)
    return [known[top][0] if top in known else _NAMES.get(top, top) for top in tops]
