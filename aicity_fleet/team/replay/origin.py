"""The origin of a journal: what a replay needs besides the order, the nonce and the entries.

The first entry of a journal holds it, so a job can be run again without the owner's teams and models. It
holds no key, no address and no name of a model. No AutoGen here.
"""

import dataclasses
from collections.abc import Mapping
from typing import Self, get_args

from pydantic import ValidationError

from aicity_fleet.errors import ReplayError
from aicity_fleet.models import JsonObject
from aicity_fleet.team.declare.spec import EngineName, TeamSpec
from aicity_fleet.team.tools import Tool


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """The team, its engine, and what its models and tools could do."""

    engine: EngineName
    spec: TeamSpec
    function_calling: Mapping[str, bool]
    """Whether the model behind each alias could call tools."""
    tools: Mapping[str, JsonObject]
    """The description and parameters of each tool, by name. They are part of each request."""

    @classmethod
    def of(
        cls,
        engine: EngineName,
        spec: TeamSpec,
        *,
        function_calling: Mapping[str, bool],
        tools: Mapping[str, Tool],
    ) -> Self:
        """Return the origin of a run that is about to begin."""
        told = {
            name: {
                "description": tools[name].description,
                "parameters": dict(tools[name].parameters),
            }
            for name in spec.tools
        }
        return cls(engine, spec, {alias: function_calling[alias] for alias in spec.models}, told)

    def to_json(self) -> JsonObject:
        """Return this origin as a JSON object."""
        return {
            "engine": self.engine,
            "spec": self.spec.model_dump(mode="json"),
            "function_calling": dict(self.function_calling),
            "tools": dict(self.tools),
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Read what ``to_json`` returned.

        Raises:
            ReplayError: A version of the fleet with another form of teams wrote it.
        """
        try:
            engine, spec = data["engine"], TeamSpec.model_validate(data["spec"])
            origin = cls(engine, spec, dict(data["function_calling"]), dict(data["tools"]))
            is_known = engine in get_args(EngineName)
        except (KeyError, TypeError, ValueError, ValidationError):
            is_known = False
        if not is_known or not origin.function_calling.keys() >= set(spec.models):
            raise ReplayError(
                "The journal describes its team in a form that this version of the fleet does not know. "
                "Replay it with the version that made it."
            )
        return origin
