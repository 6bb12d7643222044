"""The images that programs run in: which one a job needs, whether it is there, and building it."""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
import tarfile
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from evolver.errors import SandboxError
from evolver.file_locks import try_lock
from evolver.sandbox.orphans import closed_folder
from evolver.settings import SandboxSettings

if TYPE_CHECKING:
    from docker import DockerClient

Variant = Literal["plain", "cpu", "cuda"]
"""plain: numpy and scipy; cpu: also torch for processors, accelerate, safetensors; cuda: those with CUDA."""
VARIANTS: tuple[Variant, ...] = get_args(Variant)
REPOSITORY = "evolver-sandbox"
LABEL, BASE, PIP, VARIANT = "evolver.sandbox", "evolver.base", "evolver.pip", "evolver.variant"
"""Labels of every image: that it is Evolver's, and what it was made from."""
_FOLDER = Path(__file__).parents[1] / "images"
_TORCH = {"torch", "accelerate", "safetensors"}
_INDEXES = {"--find-links", "-f", "--index-url", "-i", "--extra-index-url", "--no-index"}
_PLACES = {*_INDEXES, "--trusted-host", "--cert", "--proxy", "--timeout", "--retries"}
"""Words of pip that say where packages come from; what is pinned stays the same."""
_LAST_LINES, _WIDEST = 15, 400
_NOISE = re.compile(r"---> |Removing intermediate container |\S*━")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def variant_for(requires: Sequence[str], gpus: int) -> Variant:
    """The smallest variant that has the packages (names as they are imported) and suits the number of GPUs."""
    if gpus > 0:
        return "cuda"
    return "cpu" if _TORCH.intersection(name.partition(".")[0] for name in requires) else "plain"


def tag_of(
    variant: Variant, base: str | None = None, pip_args: str = "", *, settings: SandboxSettings | None = None
) -> str:
    """The tag of a variant; a new one when the recipe, the pinned packages, the base or what pip adds to them change.

    Where pip finds the packages (an index, a folder) does not count. Empty arguments stand for the settings'.
    """
    base, pip_args = _defaults(base, pip_args, settings or SandboxSettings())
    return tag_from(variant, base, packages(pip_args))


def tag_from(variant: str, base: str, added: Sequence[str]) -> str:
    """The tag of a variant that is made from `base` with these words for pip; the settings are not asked."""
    content = hashlib.sha256()
    for part in (*_recipe().values(), variant.encode(), base.encode(), " ".join(added).encode()):
        content.update(len(part).to_bytes(8, "big") + part)
    return f"{REPOSITORY}:{variant}-{content.hexdigest()[:12]}"


def ensure_image(
    client: DockerClient,
    variant: Variant,
    *,
    base: str | None = None,
    pip_args: str = "",
    settings: SandboxSettings | None = None,
    progress: Callable[[str], None] | None = None,
    rebuild: bool = False,
) -> str:
    """The tag of an image that is there; builds it, telling `progress` line by line, if it is not or `rebuild` says so.

    Blocks. Of several processes that want the same image one builds it and the others wait. Words for pip are split at
    blanks and stay in the image's history. Raises SandboxError with a failed build's last lines and what to do.
    """
    say = progress or (lambda line: None)
    settings = settings or SandboxSettings()
    base, pip_args = _defaults(base, pip_args, settings)
    tag = tag_from(variant, base, packages(pip_args))
    if not rebuild and exists(client, tag):
        return tag
    with _alone(variant, say):
        if rebuild or not exists(client, tag):
            network = settings.image_network
            _build(client, tag, variant, base, pip_args, network, say, fresh=rebuild)
    return tag


def exists(client: DockerClient, tag: str) -> bool:
    """Whether the engine has an image. Raises SandboxError where it does not answer."""
    from docker.errors import APIError, ImageNotFound
    from requests.exceptions import RequestException

    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    except (APIError, RequestException) as error:
        raise SandboxError(f"the container engine does not say whether it has {tag}: {error}") from error
    return True


@cache
def lacking(client: DockerClient, tag: str, requires: tuple[str, ...]) -> tuple[str, ...]:
    """The packages, by the names that they are imported under, that an image lacks: asked once an image of a container.

    Raises SandboxError where the container does not run.
    """
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    if not requires:
        return ()
    find = (
        "import importlib.util as u, os.path as p, sys\n"
        "def has(n):\n"
        "    d = n.partition('deb:')[2]\n"
        "    files = [f'/var/lib/dpkg/info/{d}{more}.list' for more in ('', ':amd64', ':arm64')]\n"
        "    return any(map(p.exists, files)) if d else u.find_spec(n.partition('.')[0])\n"
        "print(*[n for n in sys.argv[1:] if not has(n)])"
    )
    try:
        said = client.containers.run(tag, ["python", "-c", find, *requires], remove=True, network_mode="none")
    except (DockerException, RequestException) as error:
        raise SandboxError(f"the image {tag} cannot be asked for its packages: {error}") from error
    return tuple(name for name in bytes(said).decode("utf-8", "replace").split() if name in requires)


def lacks_in_words(tag: str, missing: Sequence[str]) -> str:
    """What to do about packages that an image lacks."""
    names = " ".join(missing)
    return (
        f"the image {tag} lacks {', '.join(missing)}: `evolver sandbox build --task TASK` makes a layer that has "
        f"them; `export EVOLVER_IMAGE_PIP_ARGS='{names}'` and `evolver sandbox build` an image for all tasks; or use "
        "--sandbox bubblewrap"
    )


def packages(pip_args: str) -> list[str]:
    """The words for pip without those that only say where packages come from."""
    kept, words = [], iter(pip_args.split())
    for word in words:
        option, joined, _ = word.partition("=")
        if option not in _PLACES:
            kept.append(word)
        elif not joined and option != "--no-index":
            next(words, None)
    return kept


def _defaults(base: str | None, pip_args: str, settings: SandboxSettings) -> tuple[str, str]:
    return base or settings.image_base, pip_args or settings.image_pip_args


def _recipe() -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.is_file()}


@contextmanager
def _alone(variant: Variant, say: Callable[[str], None]) -> Iterator[None]:
    path = closed_folder(Path(tempfile.gettempdir()) / f"evolver-images-{os.getuid()}") / variant
    try:
        lock = try_lock(path)
        if lock is None:
            say(f"another process builds the image {variant}; waiting for it")
            lock = try_lock(path, patience=math.inf)
    except OSError as error:
        raise SandboxError(f"cannot lock {path} to build an image ({error.strerror}): remove that file") from error
    assert lock is not None, "patience has no end"
    try:
        yield
    finally:
        lock.release()


def _build(
    client: DockerClient,
    tag: str,
    variant: Variant,
    base: str,
    pip_args: str,
    network: str,
    say: Callable[[str], None],
    *,
    fresh: bool,
) -> None:
    own_index = any(word.partition("=")[0] in _INDEXES for word in pip_args.split())
    arguments = {"BASE": base, "VARIANT": variant, "PIP_ARGS": pip_args, "ADDED": " ".join(packages(pip_args))}
    if own_index:
        arguments["TORCH_INDEX"] = ""
    run_build(client, tag, base, _recipe(), arguments, network, say, fresh=fresh)


def run_build(
    client: DockerClient,
    tag: str,
    base: str,
    recipe: Mapping[str, bytes],
    arguments: Mapping[str, str],
    network: str,
    say: Callable[[str], None],
    *,
    fresh: bool,
) -> None:
    """Build an image of the files of a recipe, telling `say` line by line. Raises SandboxError with the last lines."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    step, lines = "", deque[str](maxlen=_LAST_LINES)
    try:
        stream = client.api.build(
            fileobj=_context(recipe),
            custom_context=True,
            tag=tag,
            buildargs=dict(arguments),
            decode=True,
            rm=True,
            forcerm=True,
            nocache=fresh,
            network_mode=network,
        )
        for entry in stream:
            if "error" in entry:
                raise SandboxError(_failure(tag, base, step, str(entry["error"]), lines))
            for line in str(entry.get("stream") or _pulled(entry)).splitlines():
                shown = " ".join(_COLOURS.sub("", line).split())[:_WIDEST]
                if shown.startswith("Step "):
                    step = shown
                    lines.clear()
                if shown and not _NOISE.match(shown):
                    lines.append(shown)
                    say(shown)
    except (DockerException, RequestException) as error:
        raise SandboxError(_failure(tag, base, step, str(error), lines)) from error
    if not exists(client, tag):
        raise SandboxError(_failure(tag, base, step, "the engine stopped without a word", lines))


def _context(recipe: Mapping[str, bytes]) -> io.BytesIO:
    """The Dockerfile and what it copies, the same bytes every time so that the engine's cache holds."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in recipe.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    packed.seek(0)
    return packed


def _pulled(entry: Mapping[str, object]) -> str:
    """A line for a step of pulling the base; nothing for the bars in between."""
    return "" if entry.get("progressDetail") else " ".join(str(entry[key]) for key in ("status", "id") if key in entry)


def _failure(tag: str, base: str, step: str, said: str, lines: Sequence[str]) -> str:
    tail = "".join(f"\n  {line}" for line in (*lines, said.strip()[:_WIDEST]))
    return f"building {tag} failed; its last lines:{tail}\n{_advice(base, step, said)}"


def _advice(base: str, step: str, said: str) -> str:
    if "no space left" in said.lower():
        return "The engine's disk is full: `evolver sandbox prune` and `docker system prune` make room."
    if "${PIP}" in step:
        return (
            "If no package index was reached: name one with --pip-args or EVOLVER_IMAGE_PIP_ARGS (--index-url, "
            "--find-links; --trusted-host where a proxy's certificate is refused), or build on the machine's own "
            "network with EVOLVER_IMAGE_NETWORK=host."
        )
    if not step or " FROM " in step:
        return (
            f"If {base} cannot be pulled: name a base image that this machine has with --base or EVOLVER_IMAGE_BASE, "
            "or bring that one with `docker load`."
        )
    if "DEBIAN" in step:
        return (
            f"`deb:` in requires needs apt-get in {base}, and Debian's packages within reach: name another image with "
            "--base, or build on the machine's own network with EVOLVER_IMAGE_NETWORK=host."
        )
    return "A base image must be a Debian, Ubuntu or alike with Python 3.11 or newer and pip; --base names another."
