"""The configuration of a campaign run, as Python callers and LangGraph's Studio give it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from evolver.contracts import RunConfig
from evolver.contracts.run_config import fields, limits, option
from evolver.settings import Settings, expanded


class Context(RunConfig):
    """What a run is about; every field has a default, and a wrong value raises `evolver.errors.WrongValue`.

    An existing campaign keeps its own task, seed and stage; budget and workers may change.
    """

    home: Annotated[Path, AfterValidator(expanded)] = Field(
        default_factory=lambda: Settings().home,
        title="Home",
        description="Folder of archive, memory and checkpoints",
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The form of LangGraph's Studio: in the order of `fields`, with what holds where a field stays empty."""
        schema = handler.resolve_ref_schema(handler(core))
        settings, found = Settings(), schema["properties"]
        for name in fields():
            if unset := option(name).unset:
                found[name]["description"] = f"{limits(name)['description']}; empty: {unset}"
        # Studio offers a list of words where a field takes nothing else.
        found["sandbox"] = {**limits("sandbox"), "default": settings.sandbox}
        found["home"]["default"] = str(settings.home)
        schema["properties"] = {name: found[name] for name in (*fields(), "home")}
        return schema
