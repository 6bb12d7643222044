"""A table of files to fetch, written by whoever knows where they lie, what they hash to and under which licence."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, ByteSize, Field, StringConstraints, ValidationError, model_validator

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.tasks.spec import KEBAB
from own_data.rows import Columns, Separator

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _address(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueError(f"{url!r} is no address; write https://...")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(f"{url!r} is not encrypted; write https://...")
    if parts.username or parts.password:
        raise ValueError("an address must hold no name or password")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Licence(Record):
    """What one agrees to."""

    name: Text
    url: Text
    text: Text
    """What it allows and forbids, as it is to be shown before anything is fetched."""


class DataSource(Record):
    """One file of labelled pairs."""

    name: Annotated[str, Field(pattern=rf"^{KEBAB}$")]
    url: Annotated[str, AfterValidator(_address)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[ByteSize, Field(gt=0)]
    licence: Licence
    columns: Columns = Columns()
    separator: Separator = ","


class Sources(Record):
    """The content of a sources file."""

    sources: Annotated[tuple[DataSource, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_name_twice(self) -> Sources:
        names = [source.name for source in self.sources]
        if len(set(names)) != len(names):
            raise ValueError("sources: a name occurs twice; each may occur once")
        return self


def read_sources(path: Path) -> Sources:
    """Read a sources file. Raises UsageError that names the field."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as YAML: {error}") from None
    try:
        return Sources.model_validate(content)
    except ValidationError as error:
        lines = []
        for detail in error.errors(include_url=False):
            field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
            lines.append(f"{path}: {field or 'content'}: {detail['msg'].removeprefix('Value error, ')}")
        raise UsageError("\n".join(lines)) from None
