"""A pattern that is compiled for speed finds what it finds as it is written."""

import re

import pytest

from aicity_fleet.team.gate.patterns import Finder, compile_fast, folded

TEXTS = (
    "I will start on it; we'll begin. Iwill not. [|] a|b (c) \\b ends",
    "red blue|green (red) reds bluegreen\nred: green",
    "我会开始 red请问 blue",
    "",
)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bred\b|\bblue|\bgreen\b",
        r"\b(?:red|blue)s|请问|\bgreen|\bred|我",
        r"red|\b(?P<one>r)ed|\bblue(?P<two>green)?",
        r"\b[|()\]]|\bred|[^|(]\bblue|\b\|green",
        r"\bred|\b[]|]b|\bwe\b",
        r"\\b|\bends|\bI (?:will|(?:a|b)|\bred)|\bb\b",
        r"\b|\bred",
        r"(\w)\1|\b(r)ed\b|\b(b)lue",
        r"\bred blue|\bred|\b(?:blue|re?d) ?(?:red|green)?|\b[bg](?:lue|reen)\b|\breds",
        r"re|\w+|red|blue|b(?:lueg|lue| )|(?:green|red )?blue|(?:|red) blue",
        r"(?:[rb]ed|blue|\[)+ ?|a\|b|[.a]\b|\.|(?:red|b?lue)? |green(?! )|(?<=green) \(",
        r"(?:我|请|red)(?:会|问)?|请问|[我请]会?开|re{1}ds|re+",
    ],
)
def test_the_same_is_found_at_the_same_places(pattern):
    for text in TEXTS:
        for flags in (re.NOFLAG, re.IGNORECASE):
            as_written = re.finditer(pattern, text, flags)
            fast = compile_fast(pattern, flags).finditer(text)
            assert [(m.span(), m.groups()) for m in fast] == [
                (m.span(), m.groups()) for m in as_written
            ]


def test_alternatives_that_begin_at_a_word_share_their_boundary():
    fast = compile_fast(r"\bred\b|\bblue|请问|\bgreen|[|]|\b(?:a|b)\b|\bc")
    assert fast.pattern == r"\b(?:red\b|blue)|请问|\bgreen|\||\b(?:a\b|b\b|c)"


def test_alternatives_that_begin_with_one_character_stand_together():
    fast = compile_fast(r"\bred\b|\b(?:blue|rose )?rust|\b[bg]reen|\b\w+ly")
    assert fast.pattern == r"\b(?:r(?:ed\b|ose rust|ust)|b(?:luerust|reen)|green|\w+ly)"


def test_a_folded_text_holds_the_letters_that_a_search_without_case_finds():
    everything = "".join(map(chr, range(0x110000)))
    assert len(folded(everything)) == len(everything)
    letters = {c for c in everything if folded(c) in set("abcdefghijklmnopqrstuvwxyz")}
    assert letters == set(re.findall("[a-z]", everything, re.IGNORECASE)) | {"\u0131", "\u017f"}
    for char in letters:
        assert re.fullmatch(folded(char), char, re.IGNORECASE)
    cyrillic = set(re.findall("[\u0430-\u045f]", everything, re.IGNORECASE))
    assert {c for c in cyrillic if not "\u0430" <= folded(c) <= "\u045f"} == set()


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bred\b|\bblue|\bgreen",
        r"\b(?:red|blue)s|请问|\b\|b|\breds",
        r"green\)|\b(?:l|b)lueg|\b[(]|\b我",
        r"\b\w+ends|\bIw|\b(?:i|s)tart\b",
        r"ue|\b(?:will|we)\b;?",
    ],
)
def test_a_finder_tells_what_a_search_finds(pattern):
    ends = (whole[at:] for whole in TEXTS[:2] for at in range(len(whole)))
    for text in (*TEXTS, *ends):
        assert Finder(pattern).is_in(text) == bool(re.search(pattern, text)), text
