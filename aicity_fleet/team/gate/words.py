"""A text as a sequence of words, for checks that count them in any language."""

import itertools
import re
from collections.abc import Callable, Sequence

SHINGLE_WORDS = 4
"""Words per shingle; in a script without spaces, characters."""

_WORD_OR_NUMBER = re.compile(
    "[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]"  # Thai, kana, Han: one character counts as a word
    "|[^\\W_]+"
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def blanks_but(kept: Callable[[str], bool]) -> bytes:
    """Return a table for ``pieces``, which splits a text at each ASCII character but these."""
    return bytes(byte if byte > 127 or kept(chr(byte)) else ord(" ") for byte in range(256))


_BLANKS_BUT_ALNUM = blanks_but(str.isalnum)
_BLANKS_BUT_LETTERS = blanks_but(lambda char: char.isalpha() or char == "'")
_BLANKS_BUT_LETTERS_AND_ENDS = blanks_but(lambda char: char.isalpha() or char in "'\n")

FUNCTION_WORDS = frozenset(
    """
    the and of to is it that for with are be not this by from you was when which should have has can
    no in on at as an or but if we they he she his her their our your its my do does did so than
    then will would there were been what who how all one more out up into about after before only
    over also just like very some any each every other these those them him me us i a der die das
    und ist nicht ein eine einen einem einer zu den von mit sich des auf für im dem es auch als er
    sie wie wir ich du aus bei nach um wird werden sind war hat haben oder aber wenn nur noch über
    zum zur dass man kann ihr ihre le la les de un une et est en que qui dans pour pas sur au aux
    avec ce se sa son ses plus par il elle nous vous ne ou mais leur cette ces comme sont je tu à où
    été être y el los las del una con por para su al lo como más pero sus o este esta ya muy sin
    sobre también fue ha hay cuando donde gli che di da non per sono ma come più anche della dei
    delle nel nella alla si suo questo quando è e os dos em uma não com na nas nos mas ao ele ela
    isso foi são também pela pelo seu sua é het een van dat op te niet zijn voor met aan maar om ook
    bij nog naar dan wordt werd hij ze wij deze door uit och att det som på är av för med till inte
    ett han men var jag sig så vi från kan när ska eller hon har og ikke til jeg ble fra når ja ei
    että oli hän mutta kun niin ovat joka myös tai kuin jos mitä sen hänen ollut voi sitä nyt jo w z
    się nie że jest po jak za od ale co tak przez dla są był być czy tego jego już tylko v že s ve
    jako jsou byl který jen nebo když az és hogy nem egy meg már csak azt ez mint volt még și nu cu
    sau pe din care mai ca să fi sunt în că fost pentru lui bir bu için ile çok ama gibi daha olarak
    olan mi kadar sonra ben yang itu dengan untuk ini dari dalam tidak akan pada juga ke adalah saya
    ada oleh bisa karena và là của có không một cho các được trong với những này người khi đã ở từ
    thì cũng về để u kao što ali sam iz bio koji ili els amb més dels però aquest wa kwa ni katika
    hii kama cha alikuwa hiyo lakini yake sana watu ng ang mga ay ito hindi ko kung και το η ο να
    του της τα που με για είναι δεν από στο την τον σε τη ένα των θα οι στην μια и в не на я что он
    с как это по но из у за от так же для его она мы бы вы то был было все или если к о і що з до як
    це але та й він від його її був бо про є се да е като си ще това са في من على أن إلى هذا مع لا
    ما عن كان التي هو هي الذي و كل بعد أو هذه ذلك של את על לא זה עם הוא כי גם היא אני אם או כל מה יש
    היה در به از که این را با است برای آن یک تا بر هم می بود के में है की को से का और पर यह हैं एक
    भी नहीं कि हो था कर 이 그 수 것 등 및 더 있다 있는 한 할 하는 kaj estas li ad cum ut sed quod ex
    """.split()  # noqa: SIM905 -- easier to read
)
"""Words of grammar, of the thirty languages that are written most."""

Shingle = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case."""
    found = pieces(text.lower(), _BLANKS_BUT_ALNUM)
    if text.isascii() or all(map(str.isascii, found)):
        return found
    return [
        word
        for piece in found
        for word in ((piece,) if piece.isascii() else _WORD_OR_NUMBER.findall(piece))
    ]


def letter_words(text: str) -> list[str]:
    """Return the words of a text, as it writes them: runs of letters, with apostrophes within."""
    return _without_signs(pieces(text, _BLANKS_BUT_LETTERS))


def letter_words_by_line(text: str) -> list[list[str]]:
    """Return the words of each line, as ``letter_words`` does."""
    encoded = text.encode("utf-8", "surrogatepass").translate(_BLANKS_BUT_LETTERS_AND_ENDS)
    rows = [line.split() for line in encoded.decode("utf-8", "surrogatepass").split("\n")]
    if all(map(str.isalpha, itertools.chain.from_iterable(rows))):
        return rows
    return [_without_signs(row) for row in rows]


def _without_signs(found: list[str]) -> list[str]:
    """The words within pieces of a text."""
    if all(map(str.isalpha, found)):
        return found
    return [
        word for piece in found for word in ((piece,) if piece.isalpha() else _WORD.findall(piece))
    ]


def pieces(text: str, blanks: bytes) -> list[str]:
    """Split a text at white space and at what a table blanks: far faster than a search for words."""
    encoded = text.encode("utf-8", "surrogatepass").translate(blanks)
    return encoded.decode("utf-8", "surrogatepass").split()


def shingles(words: Sequence[str], size: int = SHINGLE_WORDS) -> list[Shingle]:
    """Return every run of so many words, in order.

    Source: Broder, "On the resemblance and containment of documents", 1997.
    """
    return list(zip(*(words[start:] for start in range(size)), strict=False))
