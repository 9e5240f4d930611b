"""The engines that give the members of a run their turns: AutoGen's group chat, or a plain loop."""

from collections.abc import Mapping
from types import MappingProxyType

from aicity_fleet.team.declare.spec import EngineName
from aicity_fleet.team.engines.autogen import AutoGenEngine
from aicity_fleet.team.engines.engine import Engine
from aicity_fleet.team.engines.plain import PlainEngine

ENGINES: Mapping[EngineName, type[Engine]] = MappingProxyType(
    {"autogen": AutoGenEngine, "plain": PlainEngine}
)
"""The engines by the names that ``FLEET_ENGINE`` gives them."""
