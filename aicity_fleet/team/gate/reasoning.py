"""Checks for what a model says to itself, where the work should stand."""

import bisect
import functools
import html
import re
from collections.abc import Callable, Iterator

from aicity_fleet.team.gate.patterns import Finder, compile_fast
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MIN_TAG_CHARS = 60
"""A pair of tags within a sentence counts if it encloses more, in characters."""

MONOLOGUE_CHARS = 1500
"""Marks of a monologue count together within this many characters."""

MONOLOGUE_SCORE = 5
"""What the marks within ``MONOLOGUE_CHARS`` weigh together in a monologue. One alone weighs 3 at most:
people think aloud in fiction, and users want things in a design."""

# --- reasoning in tags --------------------------------------------------------------------------------

_THOUGHTS = (
    r"(?:antml:)?think(?:ing)?|thoughts?|reasoning|scratch_?pad|reflection|analysis"
    r"|inner_monologue"
    r"|internal_monologue|chain_of_thought|seed:think|plan|planning"
)
_OPENING_TAG = re.compile(rf"^[ \t>]{{0,8}}<({_THOUGHTS})>", re.M | re.I)
_CLOSING_TAG = re.compile(rf"</({_THOUGHTS})>", re.I)
_INLINE_TAG = re.compile(rf"<({_THOUGHTS})>", re.I)
_OTHER_TAG = re.compile(
    r"◁/?think▷|^\[/?(?:THINK|REASONING|THOUGHTS?)\]|<\|(?:channel|begin_of_thought"
    r"|end_of_thought)\|>"
    r"|<\|start_thinking\|>|<\|end_thinking\|>",
    re.M | re.I,
)
_ORDERED_TAGS = re.compile(
    r"</?think|</?reasoning|think(?:ing)?[ -](?:tag|block|token|section|trace)"
    r"|reasoning[ -](?:tag|block|token|section|trace|model|output)|chain[ -]of[ -]thought"
    r"|scratch ?pad"
    r"|deepseek|\bxml\b|<plan|<analysis|<thought|<reflection"
)


def reasoning_tags(submission: Submission) -> Iterator[Finding]:
    """Reasoning of the model in tags, unless the order speaks of such tags. Code may hold them.

    Source: the chat templates of DeepSeek R1, Qwen3, Kimi and others, whose servers pass ``<think>`` on
    when they do not parse it.
    """
    text = html.unescape(submission.plain_prose)
    if not _has_tags(text) or _ORDERED_TAGS.search(submission.order):
        return
    yield Finding(
        "reasoning", "The text holds reasoning that is not part of the work; leave it out.", HARD
    )


def _has_tags(text: str) -> bool:
    if any(mark in text for mark in ("<|", "[", "\u25c1")) and _OTHER_TAG.search(text):
        return True
    if "<" not in text:
        return False
    if _OPENING_TAG.search(text):
        return True
    starts = [match.end() for match in _INLINE_TAG.finditer(text)]
    for closing in _CLOSING_TAG.finditer(text):
        place = bisect.bisect_right(starts, closing.start())
        if not place or closing.start() - starts[place - 1] >= MIN_TAG_CHARS:
            return True
    return False


# --- reasoning in words -------------------------------------------------------------------------------

_WE = r"(?:i|we)"
_ABOUT_THE_ORDER = (
    # The order and who gave it, spoken of as one who reads it does.
    r"\bthe (?:user|buyer|client|customer|person)(?:['\u2019]s)? (?:(?:is|was|has|just|also"
    r"|only|really|probably"
    r"|seems to|might|may|clearly|explicitly|specifically|here) ){0,2}(?:wants?|wanted|asks?"
    r"|asked|asking|said"
    r"|says|needs?|expects?|provided|gave|given|requests?|requested|mentions?|mentioned"
    r"|specifie[sd]|"
    r"query|request|looking for|didn['\u2019]t)\b(?: (?:me|us)\b)?"
    r"|\b(?:the|this|their|my|our) (?:prompt|order|brief|task|instructions?|request"
    r"|system prompt|query) "
    r"(?:says?|said|asks?|wants?|requires?|specifie[sd]|is asking|mentions?|states?|is to"
    r"|was to|tells? me)\b"
    r"|\bthe (?:order|brief|task|prompt) (?:didn['\u2019]t|doesn['\u2019]t|does not|did not) "
)
_OKAY = (
    r"(?:okay|ok|alright|all right|hmm+|so|right|well|now|got it"
    r"|first)\b[,.:! \u2014-]{1,3}(?:so |now |then |well |first,? )?"
)
_BUYER = r"(?:user|buyer|client|customer|requester)"
_DO = (
    r"(?:produce|write|answer|respond|create|output|craft|generate|provide|draft|translate"
    r"|summari[sz]e|deliver|compose"
    r"|come up with|figure out|make sure|parse|rewrite|explain)"
)
_OPENERS: tuple[tuple[int, re.Pattern[str]], ...] = (
    (
        5,
        re.compile(
            rf"\W{{0,4}}(?:{_OKAY}(?:the|this|our) {_BUYER}\b[^.\n]{{0,60}}\b(?:wants?|ask\w*"
            rf"|needs?|said|provided|gave|request\w*|order\w*|looking)\b"
            rf"|{_OKAY}(?:the|this|my|our) (?:task|order|prompt|request|brief)\b"
            rf"|{_OKAY}(?:i|we) (?:need|have|should|must|was asked|am asked|['\u2019]m asked"
            rf"|got)(?: to)? {_DO}\b"
            rf"|the {_BUYER} (?:wants|is asking|asks|asked|has asked|has requested"
            rf"|is requesting|needs|would like|requests) (?:me|us)\b"
            rf"|{_BUYER} (?:wants|asks|asked|requests|requested|needs|is asking)\b"
            rf"|(?:done )?thinking\b ?(?:\.\.\.|…|about the (?:order|task|request))"
            rf"|(?:thinking|reasoning|thought process|my thought process"
            rf"|analysis of the (?:request|order|task)|internal (?:notes?|reasoning))\s?:"
            r"|(?:(?:okay|ok|also|gut|hm+)\b[,. ]{1,2})(?:also )?(?:der|die) (?:nutzer"
            r"|benutzer|kunde|kundin|auftraggeber)(?:in)?\b"
            r"|(?:der|die) (?:nutzer|benutzer|auftraggeber)(?:in)? (?:möchte|will|fragt"
            r"|bittet|hat)\b"
            r"|(?:d['\u2019]accord|bon|ok(?:ay)?|alors"
            r"|très bien)[,. ]{1,2}(?:donc )?l['\u2019](?:utilisateur|utilisatrice|acheteur"
            r"|auteur de la demande)\b"
            r"|l['\u2019]utilisateur (?:veut|demande|souhaite|me demande)\b"
            r"|(?:vale|bien|ok(?:ay)?|bueno|de acuerdo)[,. ]{1,2}(?:así que )?el (?:usuario"
            r"|cliente|comprador)\b"
            r"|el usuario (?:quiere|pide|me pide|solicita)\b|(?:l['\u2019]utente|o usuário"
            r"|o utilizador) (?:vuole|chiede|quer|pede|pediu)\b"
            r"|(?:好的|嗯|好)[,，。、]{0,2}\s?(?:用户|让我|我需要)|用户(?:想|要求|希望|让我)|首先[,，]?我需要"
            r"|(?:ユーザー|依頼者)(?:は|が)[^。]{0,60}(?:求め|望ん|依頼|欲し)|(?:(?:хорошо|так"
            r"|итак)[,.]? )?пользователь (?:хочет|просит|попросил)"
            r")"
        ),
    ),
    (
        4,
        re.compile(
            rf"\W{{0,4}}(?:(?:i|we) (?:need|have|should|must|are asked|was asked"
            rf"|am asked)(?: to)? {_DO} (?:an?|the|in|with|this|it|\d|to|something)\b"
            rf"|the {_BUYER} (?:wants|is asking|asks|asked|has asked|has requested"
            rf"|is requesting|would like|requests)\b"
            r"|(?:the|this|my) (?:request|task|order|prompt|brief|assignment) ?(?:is (?:for"
            r"|to|about|asking)\b|here is\b|:|asks\b|wants\b|says\b)"
            r"|i(?:['\u2019]m| am| was|['\u2019]ve been) (?:being )?asked (?:to|for)\b)"
        ),
    ),
    (
        3,
        re.compile(
            rf"\W{{0,4}}(?:{_OKAY}(?:let(?:['\u2019]s| me| us)\b|i(?:['\u2019]ll|['\u2019]m)? )"
            r"|let(?:['\u2019]s| me) (?:think|start by|break|analy[sz]e|figure|see|work"
            r"|parse|begin by|plan|first)\b|hmm+\b)"
        ),
    ),
)
"""How a monologue begins, and how much that weighs. From 4 up it speaks of the order by itself."""

_MARK = (
    r"(?:but |no, |oh )?wait\b[,.!…\u2014 -]|hmm+\b|(?:but |so |now |okay,? |ok,? "
    r"|also,? )?let(?:['\u2019]s| me) "
    r"(?:think|draft|write|start|count|check|recount|re-?read|see|reconsider|structure"
    r"|outline|craft|try|double|"
    r"verify|make sure|make it|do|add|go with|rewrite|consider|aim|figure|plan|break|also"
    r"|revise|polish|tally|put)\b"
    r"|actually,|okay[,.]|ok[,.]|good[,.]|great[,.]|(?:tone|style|length|format|structure"
    r"|audience|features|constraints|key points|count)(?::|\?)|not given"
    r"|not (?:quite )?sure\b|i think so|need (?:to|about|around|a|an)\b|must (?:include"
    r"|mention|not|be|keep|avoid|cover|have)\b|avoid\b|keep (?:it|this|to)\b|is (?:it|that"
    r"|this) (?:okay|ok|true|right|too|enough|fine)\b|so skip|should i\b|do i\b|what do i\b"
    r"|i['\u2019]ll (?:keep|go with|start|use|make|write|mention|say|include|avoid|assume"
    r"|open|end|add)\b|i shouldn['\u2019]t\b|probably\b|possibly\b|(?:that|which) (?:works"
    r"|is (?:nice|good|better|fine))\b|alternatively,|maybe (?:i|we|something|start|a|the"
    r"|use|add|mention)\b|perhaps (?:i|we|start|something)\b"
    r"|(?:so |now |also,? |but |then |first,? |and )?(?:i|we) (?:should|need to|must|have to"
    r"|could|can|might|will|want to) "
    r"(?:also |probably |just |be careful|avoid |not )?(?:respond|answer|reply|produce"
    r"|output|deliver|submit|hand|provide|write|"
    r"draft|start|mention|include|make sure|check|keep|cover|add|use|avoid|aim|go|open|end"
    r"|note|be|structure|consider|explain|format|"
    r"think|figure|ensure|maybe|decide|list|translate|summari[sz]e|give|craft|say|do|invent"
    r"|skip|count|assume|guess|remember|pick|choose|focus|stick|split|leave|try)\b"
    r"|(?:i think|i guess) (?:i|the|that|we|this|it)\b|double-check|word count:"
    r"|that['\u2019]s (?:about|around|roughly) \d+ words"
    r"|(?:moment|warte|halt)[,.]|lass mich|ich (?:sollte|muss) |attends?[,.]|voyons|je dois "
    r"|je devrais |espera[,.]|a ver[,.]|debo |déjame"
    r"|等等|让我|我应该|待って|まず"
)
_FIRST_MARK = re.compile(_MARK)
_MARKS = re.compile(rf"[.!?:…\n]\s{{0,3}}(?:{compile_fast(_MARK).pattern})")
_OF_THE_OUTPUT = (
    r"\bthe (?:essay|article|post|poem|story|text|e-?mail|letter|report|description|summary"
    r"|piece|speech|caption|title|tone) (?:needs|should|must|has to|probably|could)\b"
    r"|\b(?:draft|outline|first draft|attempt)\s?:"
    r"|\b(?:my|the) (?:final )?(?:answer|response|reply|output|deliverable|draft) (?:should"
    r"|must|needs to|will|could|is going to)\b"
    r"|\bfinal (?:answer|draft|version|output)\s?:|\bi(?:['\u2019]ll"
    r"| will) (?:now )?(?:submit|hand (?:it|this) in|call (?:the )?submit)\b"
    r"|\b(?:i['\u2019]ll|i will|i can|now i can|let me) (?:now )?(?:just )?write (?:it|this"
    r"|the (?:answer|response|text|article|post)|about \d|\d|two|three|something)\b"
    r"|\bdone thinking\b|\bthink step by step\b"
    r"|\bcall (?:the )?submit\b|\bthe submit (?:tool|function)\b|\bnow,? (?:i['\u2019]ll "
    r"|let['\u2019]s )?(?:draft|write it|produce)\b"
)
_ABOUT = compile_fast(_ABOUT_THE_ORDER)
_OWN_OUTPUT = compile_fast(_OF_THE_OUTPUT)
_ABOUT_OR_OUTPUT = Finder(f"{_ABOUT_THE_ORDER}|{_OF_THE_OUTPUT}")
_WORD_COUNT = re.compile(r"\b\d{2,4}(?:-|\s)(?:more )?words\b|\bword (?:limit|count)\b")
_ORDERED_MONOLOGUE = Finder(
    r"inner (?:monologue|voice)|stream[ -]of[ -]consciousness|think(?:s|ing)? (?:aloud"
    r"|out loud)|monologue"
    r"|user stor(?:y|ies)|chain[ -]of[ -]thought|\bdialog|\btranscript\b|inner(?:er"
    r"|en) monolog|bewusstseinsstrom"
)


_FIRST_PERSON = Finder(
    r"\b(?:story|scene|fiction|novel|character|dialog\w*|diary|speech|talk|op-?ed|debate"
    r"|manifesto|persuasive|motivational|writing|coach\w*|advice|tips|checklist|guide"
    r"|first person|essay|personal|column|script|opinion|letter|e-?mail|poem|song|lyrics"
    r"|memoir|comedy|sketch|humou?r\w*|funny|play|journal|narrat\w+"
    r"|geschichte|rede|tagebuch|histoire|journal intime|cuento|discurso)\b"
)


def spoken_reasoning(submission: Submission) -> Iterator[Finding]:
    """Reasoning of the model in plain words, before, after or instead of the work.

    Source: the published reasoning traces of DeepSeek R1, Qwen3 and gpt-oss: they speak of the user, of
    what "I should" write, and correct themselves ("Wait, ...").
    """
    text, order = submission.passage(submission.plain_prose).lower, submission.order
    may_be_fiction = functools.cache(lambda: _FIRST_PERSON.is_in(order))
    if _is_monologue(text, may_be_fiction) and not _ORDERED_MONOLOGUE.is_in(order):
        yield Finding(
            "reasoning", "The text holds thoughts about the task; leave only the work.", HARD
        )


def _is_monologue(text: str, may_be_fiction: Callable[[], bool]) -> bool:
    """Whether the marks within any ``MONOLOGUE_CHARS`` weigh enough.

    Where somebody may think aloud, as in a story or a speech, one of them has to be about the order.
    """
    text = text.lstrip()
    opening, start = 0, 0
    for weight, pattern in _OPENERS:
        if not opening and (match := pattern.match(text)):
            opening, start = weight, match.end()
    # Where, what it weighs as a mark about the order, and as any other mark.
    marks = [(0, opening, 0) if opening > 3 else (0, 0, opening)]
    if _ABOUT_OR_OUTPUT.is_in(text):
        marks += [
            (match.start(), 2, 0)
            for pattern in (_ABOUT, _OWN_OUTPUT)
            for match in pattern.finditer(text, start)
        ]
    if "word" in text:
        marks += [(match.start(), 1, 0) for match in _WORD_COUNT.finditer(text, start)][:2]
    first_mark = None if start else _FIRST_MARK.match(text)
    if first_mark:
        marks.append((0, 0, 1))
        start = first_mark.end()
    marks += [(match.start(), 0, 1) for match in _MARKS.finditer(text, start)]
    marks.sort()
    first = about = other = 0
    for at, is_about, is_other in marks:
        about += is_about
        other += is_other
        while marks[first][0] < at - MONOLOGUE_CHARS:
            about -= marks[first][1]
            other -= marks[first][2]
            first += 1
        if about >= 5 and opening > 4:
            return True
        if about and min(about, 4) + other >= MONOLOGUE_SCORE:
            return True
        if other >= MONOLOGUE_SCORE and not may_be_fiction():
            return True
    return False


CHECKS: tuple[Check, ...] = (reasoning_tags, spoken_reasoning)
