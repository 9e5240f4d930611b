"""The command ``redis-users``: it keeps passwords in files, and prints an ACL file without them."""

import hashlib


def test_passwords_are_made_once_and_kept(run, agent, tmp_path):
    folder = tmp_path / "redis"
    first = run("redis-users", str(folder))
    files = sorted(folder.glob("*/password"))
    roles = ["beat", "dispatcher", "flower", "operator", "reader", "worker"]
    assert [file.parent.name for file in files] == roles
    passwords = [file.read_text().strip() for file in files]
    assert len({*passwords}) == len(roles)
    for file, password in zip(files, passwords, strict=True):
        assert file.stat().st_mode & 0o777 == 0o600
        assert len(password) >= 24
        assert password not in first
        assert f"#{hashlib.sha256(password.encode()).hexdigest()} " in first
    assert f"{{fleet:{agent}}}:" in first
    (folder / "worker" / "password").write_text("mine-1234\n")
    second = run("redis-users", str(folder))
    changed = [
        one for one, two in zip(first.splitlines(), second.splitlines(), strict=True) if one != two
    ]
    assert [line.split()[1] for line in changed] == ["worker"]
    assert hashlib.sha256(b"mine-1234").hexdigest() in second


def test_a_folder_that_cannot_be_written_is_one_message(run, tmp_path):
    (tmp_path / "file").touch()
    said = run("redis-users", str(tmp_path / "file"), code=2)
    assert "cannot be read or written" in said
    assert "Traceback" not in said
