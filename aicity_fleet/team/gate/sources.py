"""Whether the sources of a piece of research are sources, or blanks to fill in."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from aicity_fleet.team.gate import demands
from aicity_fleet.team.gate.material import wish
from aicity_fleet.team.gate.patterns import Finder, compile_fast, in_small_letters
from aicity_fleet.team.gate.verdict import Finding, Submission

MIN_LISTED = 3
"""So many entries with one and the same address are no list of sources."""

_ADDRESS = re.compile(r"https?://[^\s<>\"'\])]{1,2000}", re.I)
_RESERVED = re.compile(
    r"(?:^|\.)(?:example(?:\.(?:com|net|org|edu))?|test|invalid|localhost)$", re.I
)
"""Source: RFC 2606 and RFC 6761."""

_MADE_UP_HOST = re.compile(
    r"(?:www\.)?(?:the|your|my|some|any|fake|dummy|sample|generic)?-?(?:source|reference|citation"
    r"|website|webpage"
    r"|site|domain|link|url|article|journal|study|paper|report|research|publication|news|placeholder"
    r"|example|ejemplo|beispiel\w*|exemple|esempio|exemplo|przyklad"
    r"|insert-?link-?here|beispiel-?quelle"
    r"|company|organization|organisation)(?:s|-?site|-?link|-?url|-?name|-?paper|-?article|-?study"
    r"|-?\d{1,3}|-?[a-z])?"
    r"(?:-?\d{1,3})?\.(?:com|net|org|edu|info|gov|de|es|fr|it|pl|br)",
    re.I,
)
_MADE_UP_PATH = re.compile(
    r"/(?:path/to(?:/\w+)?|link-?to-?\w+|your-?\w+|insert-?\w+|placeholder|x{3,}|\.{3})/?$"
    r"|/(?:article|source|study|paper|report|link|page|reference)-?_?(?:\d{1,3}|x+|name|title|url|link)?"
    r"(?:\.html?)?/?$",
    re.I,
)
_A_BLANK = (
    r"\[(?:source|reference|citation|ref|study|paper|article|link|url|website|book)s?"
    r"(?:[ _-]?(?:\d{1,3}|[a-z]|x+|name|title|here|needed|link|url|to (?:be )?\w+))?\](?!\()"
    r"|\[(?:link|url|source|here|doi)\]\((?:#|url|link|\s*)\)"
    r"|\[(?:author|title|year|publisher|journal|date|publication|organi[sz]ation|website|institution)"
    r"(?:\(?s\)?|['\u2019]s)?(?: (?:name|title|last name|of \w+))?\]"
    r"|\(?\bauthors?(?:['\u2019]s)?(?: name)?(?:,? (?:[A-Z]\.){1,2})?(?: et al\.?)?,? ?\(?(?:(?:19"
    r"|20)[\dxX]{2}|year|n\.d\.)\)?"
    r"|\((?:source|reference|citation|study|author)\s?[A-Z\d]?(?:, ?(?:year|date|(?:19|20)[\dxX]{2}))?\)"
    r"|\b(?:title|name) of (?:the )?(?:article|paper|book|study|source|report|journal|publication)\b"
    r"|\b(?:article|paper|book|journal|publisher|report) (?:title|name)(?: here)?\b(?=[.,\]*_\"”])"
    r"|\blast ?name(?:,| et al| &)|(?-i:, YEAR\b)|\bmustermann\b|\b(?-i:Doe, J\.)"
    r"|\[[^\]\n]{0,30}\b(?:needed|einfügen|ergänzen|to be (?:added|completed)[^\]\n]{0,20})\](?!\()"
    r"|\bto be (?:added|completed by)\b"
    r"|\bjournal of (?:x{2,}|example|something|placeholder)\w*|\b(?:19|20)[xX]{2}\b|\barxiv:\s?x{4}"
    r"|\bdoi:? ?x{2,}|\b10\.(?:x{4,5}|1234|12345|0000|00000|9999)/\S|\b10\.\d{4,5}/(?:x{3,}"
    r"|abc\w{0,5}|12345\d*|example\w*"
    r"|placeholder|j\.example\S*)|\bisbn:? ?(?:0{3}|x{3}|123-?4)|\bpp?\. ?(?:xx|00)\b"
    r"|\b(?:insert|add) (?:source|citation|reference|link)s? here\b|\bsource:? (?:tbd|todo|n/a|xyz"
    r"|abc)\b"
)
_BLANKS = compile_fast(_A_BLANK, re.I)
_MAY_BE_BLANK = Finder(in_small_letters(_A_BLANK.replace(r"\(?\b", r"\b")))
"""What is in a folded text with blanks."""

_A_BLANK_IN_CAPITALS = (
    r"\b(?:AUTORE?S?|AUTHORS?|AUTEURS?|APELLIDOS?|NACHNAME|NOM|COGNOME|SURNAME|LAST ?NAME"
    r"|VERFASSER|SOBRENOME)"
    r"(?:,? (?:A[NÑ]O|ANO|YEAR|JAHR|ANN[EÉ]E|ANNO|20__|19__|\(?A[NÑ]O\)?|Nombre|Vorname|Pr[eé]nom|Name))?\b"
    r"|\b(?:INSERTAR?|INSERT|EINF[UÜ]GEN|INS[EÉ]RER|INSERIR|ADD|TODO)[: ](?:CITA|CITATION|SOURCE"
    r"|FUENTE|QUELLE|REF\w*"
    r"|ZITAT|FONTE|LINK|URL)\w*"
    r"|\b(?:v[eé]ase|siehe|see|voir|vgl\.|cf\.) (?:FUENTE|QUELLE|SOURCE|FONTE|REF)\b|\b(?:19|20)__"
    r"|\bpp?\. ?__"
    r"|\bvol\. ?__|\bDD/MM/A{4}|\bTT\.MM\.J{4}|\bJJ/MM/A{4}"
    r"|\[(?:Quelle|Fuente|Autor|Auteur|Fonte|Autore|Titel|Título|Titre|Jahr|Año|Année|出典|来源)[^\]\n]{0,30}\](?!\()"
    r"|\b(?:Titel des (?:Buches|Artikels)|T[ií]tulo del? (?:libro|art[ií]culo)|Titre (?:du livre"
    r"|de l['\u2019]article))"
)
_BLANKS_IN_CAPITALS = compile_fast(_A_BLANK_IN_CAPITALS)
_MAY_BE_BLANK_IN_CAPITALS = Finder(_A_BLANK_IN_CAPITALS)
_OF_CAPITALS = re.compile(r"[A-Z]{2}|__|\[|T[ií]t")
"""What is in each of them."""

_ENTRY = re.compile(r"^[ \t]*(?:[-*+]|\d{1,3}[.)]|\[\d{1,3}\]:?) [^\n]{0,1500}", re.M)
_TITLED = compile_fast(r"\(?(?:19|20)\d\d[a-z]?\)?|https?://\S|\bdoi\b|\barxiv\b|\bisbn\b", re.I)
_ABOUT_BLANKS = Finder(
    r"\bplaceholders?\b|\btemplates?\b|\bexample\.(?:com|org|net)\b|\brfc ?2606\b"
    r"|\bcitation styles?\b|\bdummy\b"
)


def real_sources(submission: Submission) -> Iterator[Finding]:
    """The sources are no blanks, no reserved addresses, and not one address over and over.

    What the order itself gives as a source is one. A single blank costs little; a half of them rejects.

    Source: docs.aicity.dev/docs/guides/disputes (``research``: sources); RFC 2606 (reserved names).
    """
    order, text = submission.order, submission.plain_prose
    has_addresses = "://" in text
    addresses = [
        address.rstrip(".,;:*_")
        for address in (_ADDRESS.findall(text) if has_addresses else ())
        if address.rstrip(".,;:*_").lower() not in order
    ]
    bad = sum(map(_is_made_up, addresses)) + _count_blanks(submission, order)
    if not (bad or has_addresses) or _ABOUT_BLANKS.is_in(wish(submission)):
        return
    entries = _ENTRY.findall(text)
    titled = sum(bool(_TITLED.search(entry)) for entry in entries) if bad else 0
    named = max(len(set(addresses)), titled, 1)
    if bad * 2 >= named and bad:
        yield Finding(
            "blank_sources", "Sources are blanks or made-up addresses; name real ones.", 40
        )
    elif bad:
        yield Finding("some_blank_sources", "A source is a blank; name it or leave it out.", 15)
    if repeated(submission, entries):
        yield Finding("one_source", "All sources have one address; give each its own.", 35)


def real_sources_where_ordered(submission: Submission) -> Iterator[Finding]:
    """The sources of other work are real as well, where the order asks for sources.

    Source: docs.aicity.dev/docs/guides/disputes (completeness).
    """
    if demands.asks_for_sources(submission):
        yield from real_sources(submission)


def _count_blanks(submission: Submission, order: str) -> int:
    """How many different blanks there are that the order does not have."""
    text = submission.plain_prose
    plain = submission.passage(_ADDRESS.sub(" ", text) if "://" in text else text)
    blanks: list[str] = []
    if _MAY_BE_BLANK.is_in(plain.folded):
        found = (match.group() for match in _BLANKS.finditer(plain.text))
        blanks += [blank for blank in found if blank.lower()[:7] not in order]
    if _OF_CAPITALS.search(plain.text) and _MAY_BE_BLANK_IN_CAPITALS.is_in(plain.text):
        blanks += _BLANKS_IN_CAPITALS.findall(plain.text)
    return len(set(map(str.lower, blanks)))


def repeated(submission: Submission, entries: list[str]) -> bool:
    """Whether the entries of a list of sources all have one address, which the order did not give."""
    found = [addresses[0] for entry in entries if (addresses := _ADDRESS.findall(entry))]
    return (
        len(found) >= MIN_LISTED
        and len(set(found)) == 1
        and found[0].rstrip(".,;").lower() not in submission.order
    )


def _is_made_up(address: str) -> bool:
    try:
        host, path = urlsplit(address).hostname or "", urlsplit(address).path
    except ValueError:  # a bracketed host that is none
        return True
    if _RESERVED.search(host) or _MADE_UP_HOST.fullmatch(host):
        return True
    return bool(_MADE_UP_PATH.fullmatch(path))
