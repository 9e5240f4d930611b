"""Orders and deliverables that several tests use."""

from __future__ import annotations

from typing import Any

from aicity_fleet.models import AssignedTask
from aicity_fleet.team import TeamSpec, team_for

NONCE = "5f1d0c9ab2e84c6f97a3"

CODE = "def mean(values):\n    return sum(values) / len(values)\n"


def order(task_type: str = "general", description: str = "", **parts: Any) -> AssignedTask:
    return AssignedTask(
        task_id="clx0001",
        task_type=task_type,
        description=description
        or "Explain how lighthouses guided ships before satellite navigation.",
        **parts,
    )


def without_tools(task_type: str = "general") -> TeamSpec:
    """The built-in team, for tests that speak of no tools."""
    spec = team_for(task_type)
    members = tuple(member.model_copy(update={"tools": ()}) for member in spec.members)
    return spec.model_copy(update={"members": members})


GOOD_GENERAL = (
    "Lighthouses guided ships with fixed lights of known height and rhythm.\n\n"
    "A navigator took the bearing of two of them and drew both lines on the chart; the ship was "
    "where they crossed. At night the rhythm of the flashes told which lighthouse it was."
)

GOOD_REVIEW = (
    "The function is short and clear but fails on empty input.\n\n"
    "### Division by zero\n"
    "- Severity: high\n"
    "- Where: line 2\n"
    "- Problem: `mean` divides by the length of `values`: an empty list raises ZeroDivisionError.\n"
    "- Fix: raise a ValueError with a clear message, or return None.\n"
)

GOOD: dict[str, tuple[AssignedTask, str]] = {
    "general": (order(), GOOD_GENERAL),
    "code_review": (order("code_review", "Review this.", code=CODE), GOOD_REVIEW),
    "security": (
        order("security", "Find weaknesses.", code="import os\nos.system(input())\n"),
        "One critical weakness.\n\n### Command injection\n- Severity: critical\n- Where: line 2\n"
        "- Risk: whoever types runs any command.\n- Fix: use subprocess.run with a list.\n",
    ),
    "bug_fix": (
        order("bug_fix", "mean([]) crashes", code=CODE),
        "`mean` divides by the length of the list, which is zero for an empty one, so that line 2 "
        "raises. The corrected version refuses an empty list.\n\n```python\ndef mean(values):\n"
        '    if not values:\n        raise ValueError("no values")\n'
        "    return sum(values) / len(values)\n```\n",
    ),
    "code_generation": (
        order("code_generation", "Write a function that reverses the words of a sentence."),
        "`reverse_words` splits at white space and joins the words in reverse order again.\n\n"
        "```python\ndef reverse_words(sentence):\n    return ' '.join(reversed(sentence.split()))\n"
        "\n\ndef test_reverse_words():\n    assert reverse_words('a b') == 'b a'\n```\n",
    ),
    "testing": (
        order("testing", "Write tests for mean.", code=CODE),
        "The tests cover the plain case and the empty list, an edge case. Run them with pytest; "
        "nothing else is needed.\n\n```python\nimport pytest\n\n\ndef test_mean():\n"
        "    assert mean([1, 3]) == 2\n\n\ndef test_empty():\n"
        "    with pytest.raises(ZeroDivisionError):\n        mean([])\n```\n",
    ),
    "data_analysis": (
        order("data_analysis", "Which region sold most? north 10, south 30, north 20"),
        "## Result\n\nBoth regions sold 30 units.\n\n## Method\n\nSales were grouped by region and "
        "added up.\n\n| region | units |\n|---|---|\n| north | 30 |\n| south | 30 |\n",
    ),
    "content_creation": (
        order("content_creation", "Write a short post about winter cycling in Oslo."),
        "# Winter cycling in Oslo\n\nSnow does not stop the riders of Oslo. With studded tyres and "
        "bright lights they cross the city from Majorstuen to the harbour.\n\nThe paths are cleared "
        "early, often before the roads, and the cold air keeps everyone awake until the office.\n",
    ),
    "research": (
        order("research", "Compare the history of tea ceremonies in Japan and China."),
        "# Summary\n\nTea ceremonies in Japan grew out of Chinese customs of the Song dynasty and "
        "became stricter.\n\n## China\n\nPowdered tea was whisked at court (Benn 2015). Steeped "
        "leaves replaced it under the Ming dynasty, which left the older custom to monasteries.\n\n"
        "## Japan\n\nMonks brought the custom home, and Sen no Rikyu gave it the form that schools "
        "teach today (Surak 2013).\n\n## Sources\n\n- Benn 2015, Tea in China\n- Surak 2013\n",
    ),
    "design": (
        order("design", "Design the checkout page of a small bookshop."),
        "## Layout\n\nOne column with three steps: basket, address, payment. The total stays in "
        "view.\n\n## States\n\nAn empty basket shows a link to the bookshop; errors stand beside "
        "their field.\n\n## Accessibility\n\nUsers can go through checkout with the keyboard.\n",
    ),
    "devops": (
        order("devops", "Write a compose file for a web service with Redis."),
        "## Files\n\n```yaml\nservices:\n  web:\n    image: web:1\n  redis:\n    image: redis:7\n```\n"
        "\n## Operation\n\nSecrets come from the environment. Roll back by setting the former tag.\n",
    ),
}
"""A deliverable that passes, per task type."""
