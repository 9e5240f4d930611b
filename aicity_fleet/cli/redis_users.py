"""The command ``redis-users``: the ACL file of a Redis, with one user for each role of the fleet."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from aicity_fleet.errors import SettingsError
from aicity_fleet.redis_users import Role, user_lines
from aicity_fleet.settings import Settings


def redis_users(
    folder: Annotated[
        Path,
        typer.Argument(help="Keeps the passwords: FOLDER/ROLE/password. Missing ones are made."),
    ],
    redis_version: Annotated[
        int, typer.Option("--redis-version", min=6, help="The server's major version.")
    ] = 7,
) -> None:
    """Print the ACL file of a Redis, with one user for each role, for FLEET_AGENT and its database.

    It holds hashes of the passwords. Start the Redis with it ('aclfile'), and each process as its user:
    REDIS_URL=redis://worker@HOST:6379/0 with REDIS_PASSWORD_FILE=FOLDER/worker/password.
    """
    settings = Settings.load()
    passwords = {role: _password(folder / role / "password") for role in Role}
    for line in user_lines(
        settings.agent,
        passwords,
        database=settings.redis_database,
        major_version=redis_version,
    ):
        typer.echo(line)


def _password(path: Path) -> str:
    """Return the password in a file; a missing one is made.

    Raises:
        SettingsError: The file can be neither read nor written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        if not path.read_text().strip():
            path.write_text(secrets.token_urlsafe(24) + "\n")
        return path.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read or written ({error.strerror}). Check the folder and its owner."
        ) from error
