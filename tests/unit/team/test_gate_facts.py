"""The gate's checks against what the order says: cited places, quoted names, figures and sources."""

from __future__ import annotations

import pytest
from support.samples import order

from aicity_fleet.team.gate import check
from aicity_fleet.team.gate.derived import Explained
from aicity_fleet.team.gate.figures import claims
from aicity_fleet.team.gate.numbers import find_numbers, tables_in


def names(text, task):
    return {finding.check for finding in check(task.task_type, text, task).findings}


# --- reviews ----------------------------------------------------------------------------------------------

WALLET = """class Wallet:
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.history = []

    def deposit(self, amount):
        self.balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount):
        self.balance -= amount
        self.history.append(("withdraw", amount))

    def transfer(self, other_wallet, amount):
        self.withdraw(amount)
        other_wallet.deposit(amount)
"""
REVIEW = order("code_review", "Review this.", code=WALLET)
FINE = "### High: overdraft (line 12)\n`withdraw` lets `balance` go below zero. Fix: raise ValueError.\n\n"


def test_a_finding_about_no_line_of_the_code_does_not_count():
    beyond = FINE.replace("line 12", "line 400")
    assert names(FINE, REVIEW) == set()
    assert check("code_review", f"{FINE}{FINE}{beyond}", REVIEW).has_passed
    assert not check("code_review", f"{FINE}{beyond}{beyond}", REVIEW).has_passed
    assert not check("code_review", beyond, REVIEW).has_passed


def test_a_finding_about_no_file_of_the_order_does_not_count():
    task = order("code_review", "Review wallet.py and bank.py.", code=WALLET)
    own = FINE.replace("line 12", "wallet.py line 12")
    other = FINE.replace("line 12", "settings.py line 3")
    assert names(own, task) == set()
    assert "wrong_files" in names(other, task)
    assert (
        names(f"{FINE}Move the limits into config.py, and test them in test_wallet.py.", task)
        == set()
    )
    assert names(own, REVIEW) == set(), "a review may name the one file as it likes"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("High, line 3: `fetch_user` has no timeout in `ApiClient`; see `base_url` and `retry_count`. "
         "Fix: add one.", "wrong_names"),
        ("Severity: low. Line 5: naming could be better. Fix: use meaningful names.", "other_code"),
    ],
)  # fmt: skip
def test_a_review_is_of_the_code_in_the_order(text, finding):
    assert names(text, REVIEW) & {finding, "other_code"}
    assert not check("code_review", text, REVIEW).has_passed


def test_a_review_may_propose_names_that_are_not_there_yet():
    text = (
        f"{FINE}Use `Decimal`, `InsufficientFundsError`, `threading_lock`, `dataclass_slots` and "
        "`field_factory`; the withdraw and deposit methods of the wallet keep their history."
    )
    assert names(text, REVIEW) == set()


# --- figures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234.5 and 7", [1234.5, 7]),
        ("€1.2m", [1.2e6]),
        ("12k", [12_000]),
        ("\u22123.5 %", [-3.5]),
        ("1 234 567", [1234567]),
        ("0,5", [0.5]),
        ("2024-03-01 at 10:30, v1.2.3, A100, /80/", []),
    ],
)
def test_numbers_are_read(text, values):
    assert [number.values[0] for number in find_numbers(text)] == values


def test_a_point_before_three_digits_has_two_readings():
    (number,) = find_numbers("1.038")
    assert number.values == (1.038, 1038)


DATA = "month,units,price\n2024-01,120,2.5\n2024-02,150,2.5\n2024-03,90,3\n2024-04,240,2\n"


@pytest.mark.parametrize(
    ("claim", "is_explained"),
    [
        ("600", True),  # sum
        ("135", True),  # median
        ("+25 %", True),  # change
        ("-40.0 %", True),
        ("20 %", True),  # share
        ("300", True),  # 120 x 2.5
        ("1,425", True),  # all products
        ("0.6k", True),
        ("about 610", True),
        ("610", False),
        ("7,341", False),
        ("83.7 %", False),
    ],
)
def test_what_follows_from_the_data_is_explained(claim, is_explained):
    explained = Explained(tables_in([DATA]))
    ((figure, is_about),) = claims(f"It came to {claim}")
    assert explained.has(figure, is_about=is_about) is is_explained


ANALYSIS = (
    "## Result\n\nWe computed {} units in total, {} on average, {} at most, {} at least, and {} in January."
    "\n\n| a | b |\n|---|---|\n"
)
SALES = order("data_analysis", f"How did we sell?\n\n{DATA}")


def test_an_analysis_with_figures_from_nowhere_fails():
    assert names(ANALYSIS.format(600, 150, 240, 90, 120), SALES) == set()
    text = ANALYSIS.format("8,317", "2,079.25", "4,461", "733", "1,958")
    assert "unexplained_figures" in names(text, SALES)
    assert not check("data_analysis", text, SALES).has_passed


@pytest.mark.parametrize(
    "task",
    [
        order("data_analysis", "What are typical figures for a shop?"),
        order("data_analysis", f"Forecast the next year.\n\n{DATA}"),
        order("data_analysis", f"Generate more sample data like these.\n\n{DATA}"),
        order("data_analysis", "Look at it.", details={"csv": "1;" * 60_000}),
    ],
    ids=["no data", "forecast", "more data", "too much"],
)
def test_without_data_or_where_new_figures_are_ordered_nothing_is_said(task):
    text = ANALYSIS.format("8,317", "2,079.25", "4,461", "733", "1,958")
    assert "unexplained_figures" not in names(text, task)


@pytest.mark.parametrize(
    "details",
    [
        {"rows": [["north", 120], ["south", 150], ["west", 90], ["east", 240], ["sum", 600]]},
        {"rows": [{"region": "north", "units": 120}, {"region": "south", "units": 150},
                  {"region": "west", "units": 90}, {"region": "east", "units": 240},
                  {"region": "sea", "units": 0}]},
        {"north": 120, "south": 150, "west": 90, "east": 240, "sea": 0},
        {"csv": "region;units\nnorth;120\nsouth;150\nwest;90\neast;240\nsea;0\n"},
        {"json": '{"units": [120, 150, 90, 240, 0]}'},
        {"text": "north 120, south 150, west 90, east 240 and the sea 0"},
    ],
)  # fmt: skip
def test_data_come_in_many_forms(details):
    explained = Explained(tables_in([v for v in details.values() if isinstance(v, str)], details))
    ((figure, _),) = claims("600")
    assert explained.has(figure)


# --- sources ----------------------------------------------------------------------------------------------

RESEARCH = (
    "# Tea\n\nTea is old, and the ceremony of tea is older than its name.\n\n## Sources\n\n{}\n"
    + "\nTea came by ship, and the ships came late. Merchants paid with silver, which the crews feared to "
    + "lose in storms. Whole towns waited at the quay, for a chest was worth a farm. Later, faster vessels "
    + "raced home with the first harvest, and the winner set the price for the year. "
    + "None of that was planned, and little of it lasted.\n"
)


@pytest.mark.parametrize(
    ("sources", "is_found"),
    [
        ("- [Source 1]\n- [Source 2]", True),
        ("- https://www.example.com/a\n- https://example.org/b", True),
        ("- https://www.source.com/article", True),
        ("- Author et al. (2020). Title of article. Journal Name. doi:10.1234/abcd", True),
        ("- Smith, J. (20XX). Tea. https://yourwebsite.com", True),
        ("- Benn (2015), Tea in China\n- Surak (2013)", False),
        ("- https://www.nature.com/articles/s41586-020-2649-2", False),
        ("- WHO (2019): [guideline](https://www.who.int/publications/i/item/1)", False),
    ],
)
def test_blanks_are_no_sources(sources, is_found):
    found = names(RESEARCH.format(sources), order("research", "Tell me about tea ceremonies."))
    assert ("blank_sources" in found) is is_found


def test_one_blank_among_real_sources_costs_little():
    text = RESEARCH.format("- Benn (2015)\n- Surak (2013)\n- Okakura (1906)\n- [Source 4]")
    verdict = check("research", text, order("research", "Tell me about tea ceremonies."))
    assert {finding.check for finding in verdict.findings} == {"some_blank_sources"}
    assert verdict.has_passed


def test_one_address_is_no_list_of_sources():
    text = RESEARCH.format("\n".join(f"- Paper {n}: https://pubmed.gov/" for n in "abc"))
    assert "one_source" in names(text, order("research", "Tell me about tea ceremonies."))
    given = order("research", "Tell me about tea ceremonies. Use only https://pubmed.gov/")
    assert "one_source" not in names(text, given)


def test_what_the_order_names_is_a_source():
    text = RESEARCH.format("- https://notes.example.com/1\n- [Source A]")
    given = order("research", "On tea: https://notes.example.com/1 and [Source A].")
    assert names(text, given) == set()
