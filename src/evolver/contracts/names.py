"""Names of what can be chosen: words of a registry, checked without importing what they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from evolver.errors import UnknownName
from evolver.registry import PARENTS, SANDBOXES, TUNERS, Registry


@dataclass(frozen=True, eq=False)  # a type with None beside it is hashed, and a registry cannot be
class NameIn:
    """Marks a text as a name in a registry; schemas list the choices, as they are when the schema is asked for."""

    registry: Registry[Any]

    def _checked(self, name: str) -> str:
        try:
            return self.registry.check(name)
        except UnknownName as error:
            raise PydanticCustomError("unknown_name", "{said}", {"said": str(error)}) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.registry.choices())}


SandboxKind = Annotated[str, NameIn(SANDBOXES)]
"""Where programs run: `auto` takes the best that works here; `none` protects nothing."""
ParentsKind = Annotated[str, NameIn(PARENTS)]
"""How a parent is chosen from the pool."""
TunerKind = Annotated[str, NameIn(TUNERS)]
"""What chooses the constants of programs that are tuned offline."""
