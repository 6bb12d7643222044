"""Classes found by name: what comes with Evolver, what installed packages add, and any class by its dotted path.

A package adds a class by an entry point in one of the groups below, named as people will write it:

    [project.entry-points."evolver.sandboxes"]
    firecracker = "my_package.firecracker:FirecrackerSandbox"

An entry point of `evolver.tasks` names a package whose folder holds task folders (or is one). Nothing is imported
before it is asked for by its name.
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from evolver.errors import UnknownName

if TYPE_CHECKING:
    from evolver.sandbox import Sandbox
    from evolver.search.operators.search_operator import SearchOperator
    from evolver.search.parent_selection import ParentSelection
    from evolver.search.tuners.tuner import Tuner
    from evolver.tasks.importers.importer import Importer

T = TypeVar("T")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The classes of one kind, by name."""

    kind: str
    """In words, such as `sandbox backend`."""
    group: str
    """Of the entry points by which installed packages add to it."""
    builtin: Mapping[str, str]
    """Dotted path (`package.module:Class`) by name, in the order in which people are told of them."""
    methods: tuple[str, ...] = ()
    """What every class of this kind has."""
    words: tuple[str, ...] = ()
    """What may be written in place of a name without being one, such as `auto`."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """What to install, where it is known, for a name that is missing or cannot be imported."""

    def choices(self) -> tuple[str, ...]:
        """Everything that may be written, but for dotted paths."""
        return (*self.words, *self.names())

    def names(self) -> tuple[str, ...]:
        """All names: the built-in ones, then those that installed packages add."""
        return (*self.builtin, *self.added())

    def added(self) -> tuple[str, ...]:
        """The names that installed packages add, sorted; they cannot replace built-in ones."""
        return tuple(sorted({point.name for point in entry_points(self.group)} - set(self.builtin)))

    def check(self, name: str) -> str:
        """What was written, if it is one of the choices or a dotted path; imports nothing. Raises UnknownName."""
        if self.is_registered(name) or _DOTTED.fullmatch(name):
            return name
        raise UnknownName(self._unknown(name))

    def is_registered(self, name: str) -> bool:
        """Whether it is one of the choices, not a class by its path."""
        known = name in self.words or name in self.builtin
        return known or any(point.name == name for point in entry_points(self.group))

    def load(self, name: str) -> type[T]:
        """The class of that name, or at that dotted path.

        Raises UnknownName, which lists the names there are and says what to install where that is known.
        """
        if name in self.builtin:
            return self._checked(name, lambda: _imported(self.builtin[name]))
        points = [point for point in entry_points(self.group) if point.name == name]
        if len(points) > 1:
            packages = " and ".join(sorted({_package(point) for point in points}))
            raise UnknownName(f"{packages} both bring a {self.kind} {name!r}; uninstall one, or give the class's path")
        if points:
            return self._checked(f"{name} (of package {_package(points[0])})", points[0].load)
        if not _DOTTED.fullmatch(name):
            raise UnknownName(self._unknown(name))
        return self._checked(name, lambda: _imported(name))

    def _checked(self, name: str, load: Callable[[], object]) -> type[T]:
        try:
            found = load()
        except (ImportError, AttributeError) as error:
            install = self.packages.get(name)
            hint = f"; pip install {install!r}" if install else ""
            raise UnknownName(f"{self.kind} {name} cannot be loaded: {error}{hint}. {self._known()}") from error
        missing = [method for method in self.methods if not hasattr(found, method)]
        if not isinstance(found, type) or missing:
            wanted = f"a class with {', '.join(self.methods)}" if self.methods else "a class"
            raise UnknownName(f"{name} is no {self.kind}: it is not {wanted}")
        return cast("type[T]", found)

    def _unknown(self, name: str) -> str:
        install = self.packages.get(name)
        hint = f"It comes with another package: pip install {install!r}. " if install else ""
        return f"there is no {self.kind} {name!r}. {hint}{self._known()}"

    def _known(self) -> str:
        return f"There are {', '.join(self.choices())}; a class of your own goes by its path, package.module:Class"


def entry_points(group: str) -> tuple[metadata.EntryPoint, ...]:
    """What installed packages add to a group."""
    return tuple(_installed().select(group=group))


@cache
def _installed() -> Any:
    """All entry points there are; looked up once a process, because it reads a file of every package."""
    return metadata.entry_points()


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module


def _imported(path: str) -> object:
    module, _, name = path.partition(":")
    return attrgetter(name)(importlib.import_module(module))


def task_folders() -> dict[Path, str]:
    """The folders that hold tasks of installed packages (or are one), and which package brings each."""
    found = {}
    for point in entry_points("evolver.tasks"):
        try:
            spec = importlib.util.find_spec(point.module)
        except ImportError:
            spec = None
        places = spec.submodule_search_locations if spec is not None else None
        if not places:
            _log.warning("the tasks of %s are left out: there is no package %s", _package(point), point.module)
        found.update(dict.fromkeys(map(Path, places or ()), _package(point)))
    return found


OPERATORS: Registry[SearchOperator[Any]] = Registry(
    kind="search operator",
    group="evolver.operators",
    builtin={
        "tune": "evolver.search.operators.tune:Tune",
        "draft": "evolver.search.operators.draft:Draft",
        "rewrite": "evolver.search.operators.rewrite:Rewrite",
        "crossover": "evolver.search.operators.crossover:Crossover",
        "edit": "evolver.search.operators.edit:Edit",
        "ablate": "evolver.search.operators.ablate_statement:Ablate",
        "repair": "evolver.search.operators.repair:Repair",
    },
    methods=("name", "recipe", "draw", "apply", "describe"),
)
PARENTS: Registry[ParentSelection] = Registry(
    kind="parent selection",
    group="evolver.parents",
    builtin={
        "ucb1": "evolver.search.parent_selection:Ucb1",
        "greedy": "evolver.search.parent_selection:Greedy",
        "random": "evolver.search.parent_selection:Uniform",
        "power-law": "evolver.search.parent_selection:PowerLaw",
        "islands": "evolver.search.parent_selection:Islands",
        "map-elites": "evolver.search.parent_selection:MapElites",
    },
    methods=("choose",),
)
TUNERS: Registry[Tuner] = Registry(
    kind="tuner",
    group="evolver.tuners",
    builtin={
        "optuna:tpe": "evolver.search.tuners.optuna_samplers:TpeTuner",
        "evolution": "evolver.search.tuners.evolution:EvolutionTuner",
        "optuna:cmaes": "evolver.search.tuners.optuna_samplers:CmaEsTuner",
    },
    methods=("name", "requires", "draw"),
)
IMPORTERS: Registry[Importer] = Registry(
    kind="importer",
    group="evolver.importers",
    builtin={
        "openevolve": "evolver.tasks.importers.openevolve:OpenEvolveImporter",
        "shinka": "evolver.tasks.importers.shinka:ShinkaImporter",
        "asi-evolve": "evolver.tasks.importers.asi_evolve:AsiEvolveImporter",
        "codeevolve": "evolver.tasks.importers.codeevolve:CodeEvolveImporter",
        "gepa": "evolver.tasks.importers.gepa:GepaImporter",
    },
    methods=("name", "recognises", "read"),
)
SANDBOXES: Registry[Sandbox] = Registry(
    kind="sandbox",
    group="evolver.sandboxes",
    builtin={
        "docker": "evolver.sandbox.docker.backend:DockerSandbox",
        "bubblewrap": "evolver.sandbox.bubblewrap:BubblewrapSandbox",
        "none": "evolver.sandbox.subprocess_backend:SubprocessSandbox",
    },
    methods=("name", "protects", "open", "start", "wait", "attach", "reap", "stop", "protections", "diagnose", "close"),
    words=("auto",),
)
