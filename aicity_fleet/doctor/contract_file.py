"""Writes what was learned of a contract into a TOML file for ``FLEET_CONTRACT_FILE``."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aicity_fleet.aicity.contract import Contract, load_contract
from aicity_fleet.doctor.contract_probe import ContractReport, RouteReport
from aicity_fleet.errors import ContractError, SettingsError
from aicity_fleet.models import JsonObject

_BARE = re.compile(r"[A-Za-z0-9_-]+")

HEAD = """\
# What 'aicity-fleet doctor --write' found out about this server, for FLEET_CONTRACT_FILE. It changed
# nothing there: it asked only for tasks that do not exist. Everything that is not named here stays as in
# the built-in contract '{name}'.
"""


def write_contract(report: ContractReport, path: Path, clean: Any = str) -> None:
    """Write a new contract file, and see that the fleet can load it.

    Args:
        path: Is created; nothing is overwritten.
        clean: Takes the fleet's secrets out of a text.

    Raises:
        SettingsError: The file exists already or cannot be written.
        ContractError: Nothing was confirmed, so there is nothing to write; or what was learned makes no
            valid contract.
    """
    if not any(route.state == "confirmed" for route in report.routes.values()):
        raise ContractError(
            "--write: no route was confirmed, so there is nothing to write. The findings say why; fix that "
            "first."
        )
    text = clean(contract_text(report))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise SettingsError(f"--write: {path} already exists. Name a new file.") from None
    except OSError as error:
        raise SettingsError(f"--write: {path} cannot be written ({error.strerror}).") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        load_contract(_built_in_name(report), path)
    except (OSError, ContractError):
        path.unlink(missing_ok=True)
        raise


def contract_text(report: ContractReport) -> str:
    """Return the TOML text: what differs from the built-in contract, and the evidence as comments."""
    built_in = _plain(load_contract(_built_in_name(report)))
    learned = _learned(report)
    lines = [HEAD.format(name=report.contract.name)]
    for name, value in learned.items():
        if not isinstance(value, dict) and value != built_in.get(name):
            lines.append(f"{name} = {_value(value)}")
    lines += ["", "[paths]"]
    for name in built_in["paths"]:
        route = next((found for found in report.routes.values() if found.name == name), None)
        lines += _path_lines(name, learned["paths"][name], built_in["paths"][name], route)
    for name, body in report.bodies.items():
        lines += ["", *_comment(_body_words(name, body.required))]
        lines += _comment(
            f"Unknown: the server requires {key}. Add it here with a value, or every report is refused."
            for key in body.unmapped
        )
        if learned[name] != built_in[name]:
            lines += _table(name, learned[name])
    return "\n".join(lines) + "\n"


def _built_in_name(report: ContractReport) -> Any:
    return "bridge" if report.contract.name == "bridge" else "api"


def _plain(contract: Contract) -> JsonObject:
    data = contract.model_dump(mode="json", by_alias=True)
    return {
        name: sorted(value) if isinstance(value, list) else value for name, value in data.items()
    }


def _learned(report: ContractReport) -> JsonObject:
    """Return the probed contract with what was confirmed instead of what was refuted."""
    data = _plain(report.contract)
    if report.has_base_path:
        data["base_path"] = report.base_path
    if report.refuses_paging:
        data |= {"page_parameter": "", "page_size_parameter": ""}
    for route in report.routes.values():
        if route.state == "confirmed":
            data["paths"][route.name] = route.path
        elif route.state == "refuted" and route.name in {"task", "profile"}:
            data["paths"][route.name] = ""
    if (
        data["paths"]["update_profile"] == report.contract.paths.profile
    ):  # the same path, another verb
        data["paths"]["update_profile"] = data["paths"]["profile"]
    for name, body in report.bodies.items():
        if body.template:
            data[name] = body.template
    return data


def _path_lines(name: str, value: str, before: str, route: RouteReport | None) -> Iterator[str]:
    line = f"{name} = {_value(value)}"
    if route is None:  # not probed, because every request to it changes something
        if value != before:
            yield from _comment(["not probed, because a request there changes something"])
            yield line
        return
    yield from _comment([f"{name}: {route.state}", *route.evidence])
    is_known = route.state == "confirmed" or (route.state == "refuted" and not value)
    yield line if is_known or value != before else f"# {line}"


def _body_words(name: str, required: tuple[Any, ...]) -> list[str]:
    if not required:
        return [f"{name}: the server did not name the keys that it requires"]
    return [f"{name}: the server requires {', '.join(map(str, required))}"]


def _comment(texts: Any) -> Iterator[str]:
    """Yield each text as one line of comment. Evidence holds a stranger's words."""
    for text in texts:
        yield "# " + "".join(char if char.isprintable() else " " for char in str(text)[:300])


def _table(name: str, body: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of TOML: its plain keys first, then its tables."""
    yield f"[{name}]"
    for key, value in body.items():
        if not isinstance(value, Mapping):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in body.items():
        if isinstance(value, Mapping):
            yield ""
            yield from _table(f"{name}.{_key(key)}", value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    """Return a value as TOML. A text of JSON is one of TOML, apart from the character DEL."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
