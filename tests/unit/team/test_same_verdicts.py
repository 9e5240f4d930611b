"""What the gate does for speed finds what the slow way finds."""

import itertools

import pytest

from aicity_fleet.team.gate import disguise, programming

NAMES = (
    *(
        "python",
        "Python 3.11",
        "JavaScript",
        "node.js",
        "nodejs",
        "js",
        "TypeScript",
        "golang",
        "Go",
    ),
    *(
        "Rust",
        "Java 17",
        "Kotlin",
        "C++20",
        "cpp",
        "C#",
        ".NET",
        "C",
        "ANSI C",
        "C99",
        "Ruby",
        "PHP",
    ),
    *(
        "Swift",
        "PostgreSQL",
        "t-sql",
        "PL/SQL",
        "sqlite",
        "bash",
        "POSIX shell",
        "sh",
        "PowerShell",
    ),
    *("Scala", "Haskell", "Elixir", "Perl", "Lua", "Dart", "R"),
)
FRAMES = (
    *("Write it in {}.", "a {} function", "{}: sort a list", "show me the {}", "{}-Methode", "{}"),
    *(
        "Eine Funktion in {}",
        "port this to {}, please",
        "({}) code",
        "from {} into {}",
        "{} {} tests",
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_language_is_looked_for_wherever_a_pattern_finds_it(name):
    patterns = (
        programming._ASKED,
        programming._TARGET,
        programming._COMPOUNDS,
        programming._MENTIONED,
    )
    for frame, other in itertools.product(FRAMES, ("Python", name, "Java")):
        order = frame.format(name, other)
        found = {
            language
            for kind in patterns
            for language, pattern in kind.items()
            if pattern.search(order)
        }
        assert found <= programming._named(order), order


def test_decoded_bytes_have_the_skeleton_of_their_characters():
    everything = bytes(range(256))
    for decoded in (everything, everything[::-1], "Straße ¼ µm ÀÉ".encode("latin-1"), b""):
        assert disguise._skeleton_of(decoded) == disguise.skeleton(decoded.decode("latin-1"))
