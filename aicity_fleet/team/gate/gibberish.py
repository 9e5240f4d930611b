"""A check for text without sense in any language: random characters, word salad, a soup of tokens."""

import collections
import itertools
import re
import unicodedata
from collections.abc import Iterator

from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

LOOKED_AT_CHARS = 40_000
"""How much of a text is looked at, in characters from its start."""

MIN_WORDS = 12
"""Fewer words are not judged."""

UNPRONOUNCEABLE_SHARE = 0.2
"""Most of the words without a vowel, or with five consonants in a row. Czech and Polish stay below 0.05."""

MIN_RUNNING_WORDS = 40
"""Running text shorter than this says nothing about its grammar."""

FUNCTION_SHARE = 0.06
"""The least share of function words in running text; Finnish and Turkish have 0.1, English 0.4."""

SALAD_SHARE = 0.03
"""Most of the pairs of English words that no sentence has, such as "the of"; real text has none."""

MIN_HAN = 80
"""Fewer Chinese or Japanese characters are not judged."""

HAN_SHARE = 0.05
"""The least share of the commonest characters among them; running text has 0.15 to 0.6."""

SCRIPT_SWITCHES = 0.15
"""Most of the pairs of neighbouring words in two scripts, where there are three scripts or more."""

SYMBOL_SHARE = 0.4
"""Most of the characters that are neither letters, digits, white space nor common punctuation."""

CAMEL_SHARE = 0.4
"""Most of the words with a capital within."""

LONG_WORD_CHARS = 30
"""A run of letters and digits this long is no word, in characters."""

_ORDERED = re.compile(
    r"gibberish|nonsense|random (?:characters?|strings?|letters?|words?|text)|lorem|filler|placeholder text|invented language|constructed language|conlang|fictional language|made-up (?:words?|language)"
    r"|\bcipher|\bencod|\bencrypt|\bbase ?64|\bhex\b|\bhash|\bpasswords?\b|\btokens?\b|\bascii\b|\bemoji|\bklingon|\belvish|jabberwock|\bword salad|\bunicode|\bregex|\bregular expression|\bmorse|\bbinary|\bdna\b"
    r"|\banagram|\bscrambl|\bword ?search|\bcrossword|\bdada|\bzaum|\bglossolalia|\bsound poem|\bscat\b|\bleet|\bvigen|\bcaesar|\brot ?13|\bkeys?\b|\bchess|\bmusical notation|\babc notation|\bguitar tab|\bformula|\bequation|\blatex|\bhaskell|\bperl\b|\bbrainf"
)
_ASKS_LIST = re.compile(
    r"\b(?:keywords?|tags?|hashtags?|names?|list|words|vocabulary|glossary|synonyms?|titles?|domains?|ingredients?|terms|inventory|csv|json|yaml|xml|html|css|sql|code|script|config\w*|function|program|table|headlines?|slogans?|wordlist|labels?|telegram|notes|keyword|stichw|liste)\b"
)

_ADDRESS = re.compile(r"https?://[^\s)>\]]+|\]\([^()\s]{0,2000}\)")
_CAMEL = re.compile(r"[a-z][A-Z]")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_VOWELS = frozenset("aeiouyаеиоуыэюяіїєёæøœıαεηιουωάέήίόύώ")
_LATIN_OR_CYRILLIC = re.compile(r"[a-zа-яёіїєґўђћџљњјæøœßłđðþı]+")

_FUNCTION_WORDS = frozenset(
    """
    the and of to is it that for with are be not this by from you was when which should have has can no in on at as an or but if
    we they he she his her their our your its my do does did so than then will would there were been what who how all one more out up
    into about after before only over also just like very some any each every other these those them him me us i a
    der die das und ist nicht ein eine einen einem einer zu in den von mit sich des auf für im dem es auch als an er sie wie wir ich
    du aus bei nach um wird werden sind war hat haben oder aber wenn nur noch über so zum zur dass man kann ihr ihre
    le la les de des un une et est en que qui dans pour pas sur au aux avec ce se sa son ses plus par il elle nous vous on ne ou mais
    leur cette ces comme sont du je tu à où été être y
    el los las del una con por para su al lo como más pero sus o este esta es son no se ya muy sin sobre también fue ha hay cuando donde
    il gli che di da non per con una sono ma come più anche del della dei delle nel nella alla si ha lo suo questo quando i è e
    os as do da dos das em um uma não por com se na no nas nos mais mas ao ele ela isso foi são também pela pelo seu sua é
    het een van en dat op te niet zijn voor met aan er maar om ook als bij nog naar dan wordt werd hij ze wij deze door uit
    och att det som en på är av för med den till inte om ett han men var jag sig så vi från de kan när ska eller hon har
    og at er ikke til med som det på for av en et de vi han jeg har kan ble var fra når
    ja on ei että se oli hän mutta kun niin ovat joka myös tai kuin jos mitä sen hänen ollut voi sitä nyt jo
    i w na z się nie to że do jest o po jak za od ale co tak przez dla są był być czy tego jego już tylko
    a v se na je že to do si o s z za ve jako by jsou byl po ale který tak jen nebo když ze
    az és hogy nem is egy van de ha meg már csak azt ez mint volt még el a
    și nu cu este sau pe din care mai ca o un să se la ce fi sunt în că au fost pentru lui
    ve bir bu için da de ile çok ama ne gibi daha olarak olan her o mi var kadar sonra ben
    yang dan di itu dengan untuk ini dari dalam tidak akan pada juga ke adalah saya ada oleh bisa karena
    và là của có không một cho các được trong với những này người khi đã ở từ thì cũng về để
    i u je da se na su za od kao što ne ali sam iz bio to s koji ili
    i el la els les que per amb no una és del al més com dels però aquest
    na ya wa kwa ni za katika hii kama la cha si alikuwa hiyo lakini yake sana watu
    ng sa ang mga na ay at ni para ito hindi si ko kung din
    και το η ο να του της τα που με για είναι δεν από στο την τον σε τη ένα των θα οι στην μια
    и в не на я что он с как это по но из у за от так же для его она мы бы вы то был было все или если к о
    і на що не з у до як це але та й він за від його її був бо про є
    се на да не от за е и с по като но си ще това са в
    في من على أن إلى هذا مع لا ما عن كان التي هو هي الذي و كل بعد أو هذه ذلك
    של את על לא זה עם הוא כי גם היא אני אם או כל מה יש היה
    در به از که این را با است برای آن یک تا بر و هم می بود
    के में है की को से का और पर यह हैं एक भी नहीं कि हो था कर
    이 그 수 것 등 및 더 있다 있는 한 할 하는
    kaj la estas de en al ne mi li
    et in est non ad cum ut qui sed quod ex per
    """.split()  # noqa: SIM905 -- easier to read
)
"""Words of grammar, of the thirty languages that are written most."""

_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_COMMON_HAN = frozenset(
    "的一是不了在人有我他这這个個们們来來到时時大地为為子中你说說生国國年着就那和要她出也得里裡后後自以会會家可下而过過天去能对對小多然于於"
    "心学學么麼之都好看起发發当當没沒成只如事把还還用第样樣道想作种種开開美总總从從无無情己面最女但现現前些所同日手又行意动動方期它头頭经經"
    "长長儿兒回位分爱愛老因很给給名法间間斯知世什两兩次使身者被高已亲親其进進此话話常与與活正感"
)
_DETERMINERS = frozenset("the a an my your its our their every".split())
_NEVER_AFTER = frozenset(
    """
    the a an of to is are was were be and or but that from with by at for in on have has had which when would should could will
    than then if it they he she we you this these those them him not into
    """.split()  # noqa: SIM905 -- easier to read
)
"""Words that do not follow a determiner, but for a quotation or a slip."""
_PREPOSITIONS = frozenset("of from with into at".split())
_NEVER_AFTER_PREPOSITION = frozenset("of is are was were be has had would should could will from with into and or".split())


def gibberish(submission: Submission) -> Iterator[Finding]:
    """Characters or words in no order, unless the order asks for such.

    Function words are the mark of running text in any language (Zipf's law), and no language stacks
    consonants without end; a loss of both is noise. What is no running text is not judged by them.

    Source: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020 (incoherent samples);
    unicode.org/reports/tr24 (scripts).
    """
    order = submission.task.description.lower()
    if not _ORDERED.search(order) and _is_gibberish(
        _ADDRESS.sub(" ", submission.plain_prose[:LOOKED_AT_CHARS]), may_be_list=bool(_ASKS_LIST.search(order))
    ):
        yield Finding("gibberish", "The text makes no sense; write it anew in sentences.", HARD)


def _is_gibberish(prose: str, may_be_list: bool) -> bool:
    if _is_symbols(prose) or _is_blob(prose):
        return True
    words = _WORD.findall(prose)
    if _mixes_scripts(words) or _is_random_han(prose) or _is_camel_case(words):
        return True
    lower = [word.lower() for word in words if not word.isupper()]
    return (
        _is_unpronounceable(lower)
        or _is_salad(lower)
        or (not may_be_list and _lacks_grammar(prose))
    )


def _is_symbols(prose: str) -> bool:
    lines = [line for line in prose.split("\n") if not line.lstrip().startswith("|")]
    text = "".join(lines)
    counts = collections.Counter(text)
    plain = sum(
        count for char, count in counts.items()
        if char.isalnum() or char.isspace() or char in ".,;:!?'\"()-*#>/_=" or unicodedata.category(char)[0] in "MPZ" and ord(char) > 127
    )  # fmt: skip
    return len(text) >= 60 and len(text) - plain > SYMBOL_SHARE * len(text)


def _is_blob(prose: str) -> bool:
    """Whether most of a text is runs of letters and digits too long for words."""
    runs = re.findall(r"[A-Za-z0-9+/=_-]+", prose)
    total = sum(map(len, runs))
    long = sum(len(run) for run in runs if len(run) >= LONG_WORD_CHARS and len(set(run)) > 8)
    return total >= 100 and long > total / 2


def _mixes_scripts(words: list[str]) -> bool:
    scripts = [_script(word) for word in words]
    if len(scripts) < MIN_WORDS:
        return False
    common = [name for name, count in collections.Counter(scripts).items() if count >= 0.04 * len(scripts)]
    switches = sum(one != other for one, other in itertools.pairwise(scripts))
    return len(common) >= 3 and switches > SCRIPT_SWITCHES * len(scripts)


def _script(word: str) -> str:
    """The script of a word: the first word of the name of its first letter, Japanese as one with Chinese."""
    name = unicodedata.name(word[0], "").split(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA") else name


def _is_camel_case(words: list[str]) -> bool:
    """Whether the text is a heap of identifiers, as the rare tokens of a model are."""
    found = sum(bool(_CAMEL.search(word)) for word in words)
    return len(words) >= MIN_WORDS and found > CAMEL_SHARE * len(words)


def _is_random_han(prose: str) -> bool:
    found = _HAN.findall(prose)
    if len(found) < MIN_HAN:
        return False
    return sum(char < "\u3100" or char in _COMMON_HAN for char in found) < HAN_SHARE * len(found)


def _is_unpronounceable(words: list[str]) -> bool:
    """Whether many words of an alphabet with vowels could not be spoken."""
    judged = [word for word in map(_without_marks, words) if len(word) >= 4 and _LATIN_OR_CYRILLIC.fullmatch(word)]
    bad = sum(_most_consonants(word) >= 5 or not _VOWELS & set(word) for word in judged)
    return len(judged) >= MIN_WORDS and bad > UNPRONOUNCEABLE_SHARE * len(judged)


def _without_marks(word: str) -> str:
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def _most_consonants(word: str) -> int:
    most = run = 0
    for char in word:
        run = 0 if char in _VOWELS else run + 1
        most = max(most, run)
    return most


def _is_salad(words: list[str]) -> bool:
    """Whether English function words stand in no order."""
    pairs = list(itertools.pairwise(words))
    bad = sum(
        (one in _DETERMINERS and two in _NEVER_AFTER)
        or (one in _PREPOSITIONS and two in _NEVER_AFTER_PREPOSITION)
        for one, two in pairs
    )
    return bad >= 3 and bad > SALAD_SHARE * len(pairs)


def _lacks_grammar(prose: str) -> bool:
    """Whether the long lines of a text hold next to no function words."""
    words: list[str] = []
    for line in prose.split("\n"):
        found = _WORD.findall(line.lower())
        if len(found) >= MIN_WORDS and not line.lstrip().startswith("|"):
            words += found
    words = [word for word in words if not _HAN.match(word) and not "\u0e00" <= word[0] <= "\u0eff"]
    found = sum(word in _FUNCTION_WORDS for word in words)
    return len(words) >= MIN_RUNNING_WORDS and found < FUNCTION_SHARE * len(words)


CHECKS: tuple[Check, ...] = (gibberish,)
