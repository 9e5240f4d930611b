"""What the gate does for speed finds what the slow way finds."""

import ast
import codecs
import inspect
import itertools
import random
import re

import pytest

from aicity_fleet.team.gate import (
    disguise,
    gibberish,
    language,
    numbers,
    programming,
    random_characters,
    repetition,
    sources,
    syntax,
    word_salad,
    words,
)
from aicity_fleet.team.gate.passages import Passage
from aicity_fleet.team.gate.patterns import folded

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


PIECES = (
    *"the of a and is und den Don\u2019t it's x''y ' über straße 12 a1b _ - HTTPServer".split(),  # noqa: SIM905
    *"\u4f60\u597d \u0e2a\u0e27 \u0130x \u0301 \u00b2 \u2014 \ud800 \U0001f600 pump Pumping brrkt".split(),  # noqa: SIM905
    *("\n", ". ", ", ", "  ", "\xa0", "w" * 45),
)


def _texts(count):
    rng = random.Random(11)  # noqa: S311 -- texts for tests
    for _ in range(count):
        yield "".join(rng.choice((piece, f" {piece} ")) for piece in rng.choices(PIECES, k=60))


def test_words_are_those_that_a_search_finds():
    for text in _texts(300):
        found = words._WORD_OR_NUMBER.findall(text.lower())
        assert words.words_of(text) == found
        assert words.letter_words(text) == words._WORD.findall(text)
        by_line = [words._WORD.findall(line) for line in text.split("\n")]
        assert words.letter_words_by_line(text) == by_line


def test_english_is_told_by_runs_of_letters():
    for text in _texts(300):
        runs = re.findall(r"[^\W\d_]{1,40}", text.lower())
        latin = sum(len(run) for run in runs if run.isascii())
        is_latin = text.isascii() or latin >= language.LATIN_SHARE * sum(map(len, runs))
        common = sum(run in language._COMMON for run in runs)
        is_common = len(runs) < language.MIN_WORDS or common >= language.COMMON_SHARE * len(runs)
        assert language.is_english(text) == (is_latin and is_common)


def test_oddities_do_not_exceed_the_bound():
    rng = random.Random(11)  # noqa: S311 -- texts for tests
    pieces = [" ".join(pair) for pair in rng.sample(sorted(word_salad._NEVER), 20)]
    pieces += ["pump pumping", "pump the pumps", "strong strong", "der der", ".", "12", "*", "it's"]
    texts = [" ".join(rng.choices(pieces, k=30)) for _ in range(100)]
    weights = [(word_salad.oddity(t, 0)[1], word_salad.most_oddity(Passage(t), 0)) for t in texts]
    assert all(gibberish.MIN_ODDITY < weight <= most for weight, most in weights)


def test_a_needle_is_found_at_every_place_and_nothing_else_is():
    needle = "k7q2v9x4m1c8b3n6"
    others = [f"{number:020}" for number in range(disguise.FEW_NEEDLES)]
    for needles in (disguise.Needles((needle, "short", *few)) for few in ((), others)):
        for before in range(20):
            assert needles.are_in("y" * before + needle + "z")
            assert needles.are_in("y" * before + "short")
            assert not needles.are_in("y" * before + needle[1:] + needle[:-1])


@pytest.mark.parametrize("between", ["", " ", ":", ", ", "0x", "\\x", "\u2003", "\n0x"])
def test_hex_digits_are_looked_at_with_anything_between(between):
    secret = "ThisIsASecretNonce12345678"
    text = between.join(f"{byte:02x}" for byte in secret.encode())
    assert disguise.holds_any(f"The digest is {text} as told.", [secret])


def test_rot13_is_seen_through():
    secret = "ThisIsASecretNonce12345678"
    assert disguise.holds_any("Take " + codecs.encode(secret, "rot13"), [secret])


DECOYS = [f"decoy number {number:040}" for number in range(disguise.FEW_NEEDLES)]


@pytest.mark.parametrize(
    "secret", ["ThisIsASecretNonce12345678", "a line that only we have been told of"]
)
def test_what_is_spelled_with_signs_beyond_ascii_is_found(secret):
    assert disguise.holds_any(f"\u201c{secret}\u201d \u4f60\u597d", [secret, *DECOYS])
    wanted = disguise._wanted([secret, *DECOYS])
    assert disguise._stand_in(f"\u201c{secret}\u201d \u4f60\u597d", wanted)
    assert not disguise.holds_any(f"\u201c{secret[:12]}\u201d \u4f60\u597d", [secret, *DECOYS])


def test_numbers_are_those_that_a_search_finds():
    rng = random.Random(11)  # noqa: S311 -- texts for tests
    pieces = [
        *"1234567890",
        *"-+ $\u20ac.,'/:%(k",
        " 12",
        "1,234",
        "-3.5",
        "x",
        "\u0663",
        "$ 5",
        "\u2013 $ 7",
    ]
    for _ in range(2000):
        text = "".join(rng.choices(pieces, k=25))
        found = [match.span() for match in numbers.NUMBER.finditer(text)]
        assert [match.span() for match in numbers._matches(text)] == found, text


def test_every_function_of_a_program_is_among_its_statements():
    for module in (ast, codecs, random, pytest):
        tree = ast.parse(inspect.getsource(module))
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        walked = {node for node in ast.walk(tree) if isinstance(node, definitions)}
        assert walked == {n for n in syntax.statements(tree) if isinstance(n, definitions)}


def test_words_that_cannot_be_spoken_do_not_exceed_the_bound():
    rng = random.Random(11)  # noqa: S311 -- texts for tests
    spoken = ["house", "lighthouse", "word", "rhythms", "tree"]
    mute = ["brrk", "brrkt", "abcdfgh", "tstststs", "bcdfg", "strength"]
    for _ in range(200):
        found = [rng.choice(rng.choice((spoken, mute))) for _ in range(30)]
        bad = len(random_characters._UNPRONOUNCEABLE.findall(" ".join(found)))
        assert random_characters._may_be_mute(found) >= bad
        assert random_characters._may_be_mute([*found, "\u0431"]) >= bad


KEYBOARD = re.compile(
    r"sdf|dfg|ghj|hjk|jkl|zxc|xcv|cvb|vbn|bnm|lkj|kjh|jhg|hgf|gfd|fdsa|mnb|nbv|bvc|vcx|cxz|asdk"
    r"|qsdf|mlkj|jfk|fjg|fgh[jkl]|q[b-df-hj-npr-tw-xz]|[xz]q(?!u)|vq|qx|jq|qj|zx|vk[sjx]"
    r"|lqp|kfj|[bcdfgkpqvz]x[bcdfgkqvz]|jz[bcdfgx]|w[qx]"
)


def test_runs_of_keys_are_those_that_a_search_finds():
    for letters in itertools.product("aubcdfghjklmnpqrstvwxz", repeat=4):
        word = "".join(letters)
        assert bool(word_salad._KEYS.search(word)) == bool(KEYBOARD.search(word)), word


def test_varied_words_do_not_repeat_themselves():
    rng = random.Random(11)  # noqa: S311 -- texts for tests
    varied = 0
    for _ in range(3000):
        vocabulary = [str(number) for number in range(rng.choice((3, 10, 30, 100, 400)))]
        found = rng.choices(vocabulary, k=rng.randrange(repetition.MIN_WORDS, 400))
        share = repetition._distinct(found)
        if repetition._is_varied(found):
            varied += 1
            assert share >= repetition.DISTINCT_SHARE
            assert (1 - share) * len(found) < repetition.MIN_LOOP_SHINGLES
    assert varied > 500


def test_words_without_a_vowel_are_those_that_a_search_finds():
    rng = random.Random(11)  # noqa: S311 -- texts for tests
    found = 0
    for _ in range(20_000):
        text = "".join(rng.choices(("b", "x", "s", "t", "y", "a", " ", "_", "1", "'"), k=9))
        assert word_salad._has_mute(text) == bool(word_salad._MUTE.search(text)), text
        found += word_salad._has_mute(text)
    assert found > 300


BLANKS = (
    *(
        "[Source 1]",
        "[link](URL)",
        "[Author(s) name]",
        "(Author, 2020)",
        "Author's name et al. (n.d.)",
    ),
    *(
        "(Source A, year)",
        "Title of the article",
        "Last name, ",
        "Smith, YEAR",
        "Doe, J.",
        "to be added",
    ),
    *(
        "[citation needed]",
        "Journal of XX",
        "20xx",
        "arXiv: xxxx",
        "doi:xx",
        "10.1234/a",
        "10.5555/xxx",
    ),
    *("ISBN: 000", "pp. xx", "insert source here", "source: TBD", "Mustermann", "book title."),
)
BLANKS_IN_CAPITALS = (
    *(
        "AUTOR, A\u00d1O",
        "NOM",
        "INS\u00c9RER CITATION",
        "v\u00e9ase FUENTE",
        "20__",
        "pp. __",
        "vol. __",
    ),
    *(
        "DD/MM/AAAA",
        "[Quelle 1]",
        "[\u51fa\u5178]",
        "Titel des Buches",
        "T\u00edtulo del libro",
        "Titre du livre",
    ),
)


def test_a_blank_is_looked_for_wherever_there_is_one():
    for blank in BLANKS:
        for text in (blank, blank.upper(), f"x {blank.lower()} y", f"\u201c{blank}\u201d"):
            if sources._BLANKS.search(text):
                assert sources._MAY_BE_BLANK.is_in(folded(text)), text
        assert sources._BLANKS.search(blank), blank
    for blank in BLANKS_IN_CAPITALS:
        assert sources._BLANKS_IN_CAPITALS.search(f"in {blank} there"), blank
        assert sources._OF_CAPITALS.search(blank), blank
        assert sources._MAY_BE_BLANK_IN_CAPITALS.is_in(f"in {blank} there"), blank
