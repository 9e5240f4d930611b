from __future__ import annotations

import pytest
from support.samples import CODE, GOOD_GENERAL, GOOD_REVIEW, NONCE, order

from aicity_fleet.models import Delivered, Rejected
from aicity_fleet.team import team_for
from aicity_fleet.team.review.brief import write_brief
from aicity_fleet.team.review.review import Ask, HandInSlot, Review

REFUSAL = "I'm sorry, but I can't help with that."


def review(task=None, *, tools=True, **bounds) -> Review:
    task = task or order()
    spec = team_for(task.task_type).model_copy(update=bounds)
    return Review(task, spec, write_brief(task, nonce=NONCE, function_calling=tools))


def judge(review: Review, handed_in=None, said="", finish_reason="stop"):
    return review.judge(handed_in, said, finish_reason=finish_reason)


def test_what_passes_is_delivered_without_its_outer_blanks():
    assert judge(review(), f"\n{GOOD_GENERAL}\n\n") == Delivered(GOOD_GENERAL, 100)


def test_a_failed_hand_in_is_asked_for_again_until_the_rounds_are_used_up():
    run = review(order("code_review", code=CODE), rounds=2)
    assert isinstance(judge(run, "Looks fine, on the whole, to me."), Ask)
    ending = judge(run, "Looks fine, on the whole, to me.")
    assert isinstance(ending, Rejected)
    assert ending.code == "quality"
    assert run.rounds == 2


def test_a_hand_in_after_a_failed_one_may_pass():
    run = review(order("code_review", code=CODE))
    judge(run, "Looks fine, on the whole, to me.")
    assert isinstance(judge(run, GOOD_REVIEW), Delivered)


def test_reminders_are_bounded():
    run = review(reminders=1)
    assert isinstance(judge(run), Ask)
    assert isinstance(judge(run), Rejected)


def test_a_refusal_followed_by_work_is_forgotten():
    run = review(reminders=9)
    assert isinstance(judge(run, said=REFUSAL), Ask)
    assert isinstance(judge(run, said="Well, let me see what there is."), Ask)
    assert isinstance(judge(run, said=REFUSAL), Ask)
    assert judge(run, said=REFUSAL).code == "refused"


def test_a_refusal_in_words_and_one_handed_in_add_up():
    run = review()
    judge(run, said=REFUSAL)
    assert judge(run, REFUSAL).code == "refused"


@pytest.mark.parametrize("around", ["{}", "  {}  ", "`{}`", "**{}**", "{}\n\n"])
def test_a_marker_alone_on_the_last_line_hands_in(around):
    run = review(tools=False)
    assert run.brief.marker
    last = around.format(run.brief.marker)
    assert judge(run, said=f"{GOOD_GENERAL}\n{last}") == Delivered(GOOD_GENERAL, 100)


@pytest.mark.parametrize("said", ["{m} {t}", "{t} {m}", "{m}\n{t}", "{t}\n{m}.", "{t}"])
def test_a_marker_elsewhere_hands_nothing_in(said):
    run = review(tools=False)
    assert isinstance(judge(run, said=said.format(m=run.brief.marker, t=GOOD_GENERAL)), Ask)
    assert run.rounds == 0


def test_a_marker_that_also_stands_in_the_text_does_not_go_out():
    run = review(tools=False)
    step = judge(run, said=f"{run.brief.marker}\n{GOOD_GENERAL}\n{run.brief.marker}")
    assert isinstance(step, Ask)
    assert run.rounds == 1


def test_in_tool_mode_no_text_hands_in():
    run = review()
    assert isinstance(judge(run, said=f"{GOOD_GENERAL}\nHAND-IN-{'0' * 24}"), Ask)


def test_the_desk_holds_the_latest_and_gives_it_once():
    slot = HandInSlot()
    assert slot.take() is None
    slot.hand_in("a")
    slot.hand_in("b")
    assert slot.is_taken
    assert slot.take() == "b"
    assert slot.take() is None
