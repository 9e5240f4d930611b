"""What jobs a day need, and what runs out first: the arithmetic, its inputs, and the page."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import tomllib
from decimal import Decimal
from typing import Any, cast

import pytest
from bench import sizing
from bench.capacity import JOBS, defaults, main, row, to_json
from bench.capacity_page import about, limits_table, to_markdown
from bench.costs import ON_RECORD, TEXTS, Costs, Measured, Plan, read_costs, record
from bench.scenarios import Sizes
from bench.sizing import Sizing
from bench.tables import to_json as bench_report
from support.source_files import ROOT

from aicity_fleet.embedded.fleet import fleet_programs
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.read_backs import DAY_SECONDS, ReadBacks
from scheduler.poll import MAX_WALKS

COSTS = Costs(
    worker_cpu_ms=20,
    dispatcher_cpu_ms=4,
    redis_cpu_ms=2,
    flower_cpu_ms=1,
    settled_bytes=5000,
    queued_bytes=2000,
    message_bytes=1000,
    idle_cpu_percent=2,
    fleet_mb=400,
    worker_mb=100,
    dispatcher_mb=70,
    waiting_job_mb=0.5,
    round_trips=10,
    tool_cpu_ms=500,
)
PLAN = Plan(
    calls=3,
    tokens_in=3000,
    tokens_out=1000,
    order_chars=2000,
    seconds=60,
    tool_calls=1,
    model_requests=500,
    model_tokens=200_000,
    usd_in=Decimal("0.15"),
    usd_out=Decimal("0.60"),
    city_requests=300,
    city_seconds=0.2,
    peak=3,
    outage_hours=2,
    redis_mb=512,
    job_mb=10,
    tools_mb=100,
    threads=20,
    poll_seconds=30,
    retention_days=10,
    read_back_days=7,
)
SIZES = Sizing(COSTS, PLAN)
ONE_A_SECOND = 28_800
"""Jobs a day that make one a second in an hour with three times the mean."""


def sizes_with(**changes: Any) -> Sizing:
    return Sizing(COSTS, dataclasses.replace(PLAN, **changes))


# --- rows worked out by hand ----------------------------------------------------------------------------


def test_one_job_a_second_needs_what_a_hand_computes():
    found = row(SIZES, ONE_A_SECOND)
    assert found["in_flight"] == 60
    assert found["workers"] == 5  # 60 jobs / 20 slots / 0.7 = 4.3
    # 200 MB of others, and 5 workers of 100 + 20 x 10 + 100 MB = 2,200 MB, of 2,867 usable ones; but
    # 0.02 + 0.06 + 0.5 + 0.004 + 0.001 cores of the 1.4 usable ones.
    assert found["machines"] == 1
    assert found["dispatchers"] == 1
    assert found["dispatcher_cpu_percent"] == pytest.approx(0.4)
    assert found["redis_round_trips"] == pytest.approx(12)
    assert found["redis_cpu_percent"] == pytest.approx(0.24)  # 12 of 0.2 ms
    # A settled job takes 5,000 + 2,000 + 8 x 1,000 bytes, a queued one 2,000 + 1,000 + 2,000.
    data = (ONE_A_SECOND * 10 + 60) * 15_000 + 7200 * 5000
    assert found["redis_mb"] == pytest.approx(data / 2**20)
    assert found["redis_buy_mb"] == pytest.approx(2 * data / 2**20)
    assert found["model_requests"] == pytest.approx(180)
    assert found["model_tokens"] == pytest.approx(240_000)
    assert found["usd_a_day"] == "30.24000"  # 28,800 x (0.00045 + 0.0006)


def test_requests_to_ai_city_are_polls_reports_and_read_backs():
    # 75 tasks are listed: two pages. 0.4 tasks come during a walk, so 1 + e^0.4 walks, twice a minute.
    assert SIZES.poll_requests(ONE_A_SECOND) == pytest.approx(2 * 2 * (1 + math.exp(0.4)))
    assert SIZES.reports(ONE_A_SECOND) == pytest.approx(60)
    assert SIZES.city_requests(ONE_A_SECOND) == pytest.approx(4 * (1 + math.exp(0.4)) + 60 + 60)


def test_few_jobs_cost_a_request_for_each_poll_and_their_own():
    # 144 jobs a day are 0.3 a minute at the peak, each with a report and ten reads.
    assert SIZES.city_requests(144) == pytest.approx(2 + 0.3 + 3)
    assert sizes_with(read_back_days=0).city_requests(144) == pytest.approx(2.3)


def test_polls_that_never_end_are_bound_by_the_time_of_a_request():
    assert SIZES.requests_of_a_poll(10**6) == 53 * MAX_WALKS
    assert SIZES.poll_requests(10**6) == pytest.approx(60 / 0.2)


def test_the_least_fleet_has_one_of_each_process():
    found = row(SIZES, 1)
    assert [found[name] for name in ("in_flight", "workers", "machines", "dispatchers")] == [1] * 4


def test_long_reports_need_another_dispatcher():
    assert sizes_with(city_seconds=10).dispatchers(ONE_A_SECOND) == 5  # 10 at once / 3 / 0.7


def test_fast_jobs_need_workers_for_their_processors():
    # Ten jobs at once fit into one worker, but 6 cores at 70 % do not.
    assert sizes_with(seconds=0.1).workers(100 * ONE_A_SECOND) == 9


def test_tools_and_memory_decide_about_machines():
    # 43 workers of 200 MB, 600 jobs of 10 MB, 200 MB: 14,800 / 2,867.
    assert SIZES.machines(10 * ONE_A_SECOND, 10) == 6
    assert sizes_with(tool_calls=10).machines(10 * ONE_A_SECOND, 10) == 37  # 50 + 0.67 cores / 1.4
    assert sizes_with(tool_calls=0).machines(10 * ONE_A_SECOND, 10) == 4  # without their 100 MB


@pytest.mark.parametrize("seconds", [1, 60, 3600])
def test_more_jobs_never_need_less(seconds):
    sizes = sizes_with(seconds=seconds)
    numbers = sorted({round(1.3**power) for power in range(60)})
    for one in sizes.limits():
        demands = [one.demand(jobs) for jobs in numbers]
        assert demands == sorted(demands), one.name
    for less, more in itertools.pairwise(row(sizes, jobs) for jobs in numbers):
        for name in TEXTS["rows"].keys() - {"first"}:
            assert float(less[name]) <= float(more[name]), name


# --- what runs out --------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", SIZES.limits(), ids=lambda limit: limit.name)
def test_a_limit_saturates_at_the_last_number_that_it_carries(limit):
    at = limit.saturates_at()
    assert at > 0
    assert limit.demand(at) <= limit.most < limit.demand(at + 1)


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("model_requests", 500 * 480 / 3),
        ("model_tokens", 200_000 * 480 / 4000),
        ("read_backs", 60 * 1440 / 10),
        ("report_threads", 3 / 0.2 * ONE_A_SECOND),
        ("dispatcher_cpu", 250 * ONE_A_SECOND),
        ("redis_cpu", 1000 / 2.4 * ONE_A_SECOND),
        ("flower_cpu", 1000 * ONE_A_SECOND),
        ("listed_tasks", 50_000 / 75 * ONE_A_SECOND),
    ],
)
def test_a_saturation_is_what_a_hand_computes(name, jobs):
    (limit,) = [one for one in SIZES.limits() if one.name == name]
    assert limit.saturates_at() == pytest.approx(jobs, abs=1)


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, "redis_memory"),
        ({"redis_mb": 10**6}, "model_tokens"),
        ({"redis_mb": 10**6, "model_tokens": 10**9}, "city_requests"),
        ({"redis_mb": 10**6, "model_tokens": 10**9, "city_requests": 600}, "model_requests"),
        ({"redis_mb": 10**6, "city_requests": 5}, "city_requests"),
    ],
)
def test_the_first_to_run_out_is_the_one_with_the_least_room(changes, first):
    sizes = sizes_with(**changes)
    stopping = [one for one in to_json(sizes, [])["limits"] if one["stops_jobs"]]
    assert stopping[0]["name"] == first
    full = stopping[0]["jobs_a_day"]
    assert sizes.first_limit(full)[0].name == first
    assert sizes.first_limit(full)[1] <= 1 < sizes.first_limit(full + 1)[1]


def test_what_stops_no_job_is_never_the_first():
    # Read-backs run out at 8,640 jobs a day, before everything else.
    sizes = sizes_with(redis_mb=10**6)
    assert to_json(sizes, [])["limits"][0]["name"] == "read_backs"
    assert sizes.first_limit(10_000)[0].name == "model_tokens"


def test_what_takes_nothing_never_runs_out():
    sizes = sizes_with(tokens_in=0, tokens_out=0)
    last = to_json(sizes, [])["limits"][-1]
    assert (last["name"], last["jobs_a_day"]) == ("model_tokens", None)
    assert "| model tokens | 200,000 a minute | any number |" in "\n".join(
        limits_table(to_json(sizes, []))
    )


def test_one_machine_holds_as_much_as_fits_and_no_more():
    def fits(jobs: int) -> bool:
        memory = SIZES.memory_mb(jobs, PLAN.job_mb) + 2 * SIZES.redis_mb(jobs)
        return memory <= 0.7 * 4096 and SIZES.cores(jobs) + SIZES.redis_cpu(jobs) <= 1.4

    assert fits(SIZES.one_machine)
    assert not fits(SIZES.one_machine + 1)


# --- the same as in the code ----------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, 0.001, 0.005, 0.01, 1, 1.5, 7, 90])
def test_reads_of_a_delivery_are_those_of_the_ledger(days):
    backs = ReadBacks(cast(Scripts, None), window_seconds=days * DAY_SECONDS)
    age, reads = 0.0, 0
    while (wait := backs.next_ms(age, "completed")) is not None:
        age, reads = age + wait / 1000, reads + 1
    assert sizes_with(read_back_days=days).reads_of_a_job == reads


def test_a_dispatcher_has_a_thread_for_the_poll_and_the_rest_for_reports():
    dispatcher = list(fleet_programs({}, workers=1, threads=7)[0].argv)
    assert dispatcher[dispatcher.index("-c") + 1] == str(sizing.REPORT_THREADS + 1)


def test_the_memory_of_redis_is_that_of_the_compose_file():
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    assert re.findall(r"maxmemory (\d+)mb", compose) == [str(TEXTS["plan"]["redis_mb"]["value"])]


def test_every_figure_has_its_texts():
    assert list(TEXTS["costs"]) == [field.name for field in dataclasses.fields(Costs)]
    assert list(TEXTS["plan"]) == [field.name for field in dataclasses.fields(Plan)]
    assert set(TEXTS["limits"]) == {one.name for one in SIZES.limits()}
    assert set(TEXTS["rows"]) == row(SIZES, 1).keys() - {"jobs_a_day"}


# --- costs ----------------------------------------------------------------------------------------------


def a_report(**left_out: str) -> dict[str, Any]:
    """A report of the benchmark with every figure that is a cost: 10, 20, 30 ... of the deepest backlog."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    number = 0
    for entry in TEXTS["costs"].values():
        scenario, *figures = entry.get("figures", ("",))
        for figure in figures:
            number += 10
            name = "100,000" if scenario == "backlog" else "ours"
            found.setdefault(scenario, {}).setdefault(name, [{}])[0][figure] = number
    found["backlog"]["1,000"] = [{"bytes/queued job": 1.0}]
    found["idle"]["ours"][0]["PSS MB"] = 1000
    for scenario in left_out.values():
        del found[scenario]
    return bench_report(found, dataclasses.asdict(Sizes()))


def write(folder, report):
    path = folder / "bench.json"
    path.write_text(json.dumps(report), "utf-8")
    return path


def test_costs_come_from_a_report_of_the_benchmark(tmp_path):
    measured = read_costs(write(tmp_path, a_report()))
    costs = measured.costs
    assert measured.missing == ()
    assert (costs.worker_cpu_ms, costs.dispatcher_cpu_ms) == (10 + 20, 30)
    assert costs.queued_bytes == 70
    assert costs.fleet_mb == 1000
    assert costs.waiting_job_mb == pytest.approx(120 / 1024, rel=0.01)
    assert re.match(r"on \d{4}-\d\d-\d\d with \d+ CPUs \(", measured.when)


def test_what_a_report_lacks_is_taken_from_the_record_and_named(tmp_path, capsys):
    path = write(tmp_path, a_report(without="backlog"))
    assert read_costs(path).costs.queued_bytes == read_costs().costs.queued_bytes
    assert main(["--costs", str(path)]) == 0
    assert capsys.readouterr().err == "taken from costs.toml, not in the report: queued_bytes\n"


def test_costs_are_put_on_record_and_comments_stay(tmp_path):
    path = tmp_path / "costs.toml"
    path.write_text(ON_RECORD.read_text("utf-8"), "utf-8")
    record(Measured(COSTS, 'on a "new" machine'), path)
    assert read_costs(path) == Measured(COSTS, 'on a "new" machine')
    comments = re.findall("#.*", ON_RECORD.read_text("utf-8"))
    assert re.findall("#.*", path.read_text("utf-8")) == comments


def test_a_report_with_gaps_is_not_put_on_record(tmp_path, capsys):
    before = ON_RECORD.read_text("utf-8")
    path = write(tmp_path, a_report(without="idle"))
    with pytest.raises(SystemExit):
        main(["--costs", str(path), "--record"])
    assert (
        "missing: idle_cpu_percent, fleet_mb, worker_mb, dispatcher_mb" in capsys.readouterr().err
    )
    assert ON_RECORD.read_text("utf-8") == before


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "{", "a.json: Expecting property name"),
        ("a.json", "[]", "a.json: is not a report of 'make bench"),
        ("a.json", json.dumps({"scenarios": {}, "machine": {}, "measured_at": ""}), "no costs of"),
        ("a.toml", "worker_ms = 3", "a.toml: unknown: worker_ms"),
        ("a.toml", "worker_cpu_ms = 0", "worker_cpu_ms is 0, and must be a positive number"),
        ("a.toml", "worker_cpu_ms = 'x'", "worker_cpu_ms is 'x', and must be a positive number"),
        ("a.toml", "fleet_mb = 1", "no more than its 2 workers take"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path, capsys, name, text, says):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--costs", str(path)])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_a_run_that_is_too_short_to_measure_is_refused(tmp_path, capsys):
    report = a_report()
    report["scenarios"]["throughput"]["ours"]["figures"]["Redis bytes/job"]["median"] = -6400
    with pytest.raises(SystemExit):
        main(["--costs", str(write(tmp_path, report))])
    assert "throughput: Redis bytes/job is -6400; such a short run" in capsys.readouterr().err


# --- the command ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--jobs", "10,many"], "'many' is not a number of jobs"),
        (["--jobs", "0"], "'0' is not a number of jobs"),
        (["--seconds", "soon"], "not a number: 'soon'"),
        (["--seconds", "0"], "seconds is 0, and must be more"),
        (["--seconds", "-1"], "seconds is -1.0, and must not be negative"),
        (["--calls", "nan"], "calls is nan, and must not be negative"),
        (["--peak", "25"], "peak is 25, and must be 1 to 24"),
        (["--usd-in", "NaN"], "not an amount: 'NaN'"),
        (["--costs", "none.json"], "none.json: No such file"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_reason(capsys, arguments, says):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_json_holds_the_inputs_the_rows_and_the_limits(capsys):
    assert main(["--jobs", "50,500", "--calls", "6", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["plan", "costs", "rows", "limits", "one_machine"]
    assert (found["plan"]["calls"], found["plan"]["usd_in"]) == (6, "0.15")
    assert [each["jobs_a_day"] for each in found["rows"]] == [50, 500]
    assert found["rows"][0].keys() == {"jobs_a_day", *TEXTS["rows"]}
    assert found["rows"][0]["first"].keys() == {"name", "used"}
    assert found["limits"][0].keys() == {"name", "most", "jobs_a_day", "stops_jobs"}
    at = [one["jobs_a_day"] for one in found["limits"]]
    assert at == sorted(at)


def test_the_tables_show_what_is_exceeded(capsys):
    assert main(["--jobs", "100,24001", "--redis-mb", "1000000"]) == 0
    text = capsys.readouterr().out
    assert "| jobs a day | 100 | 24,001 |\n| --- | --- | --- |\n" in text
    assert "| model tokens a minute | 833 | **200,008** |\n" in text
    assert "| model requests a minute | 0.625 | 150 |\n" in text


@pytest.mark.parametrize(
    ("jobs", "text"), [(0, "0"), (7, "7"), (99, "99"), (1999, "1,900"), (24_000, "24,000")]
)
def test_a_number_of_jobs_is_rounded_down(jobs, text):
    assert about(jobs) == text


# --- the page -------------------------------------------------------------------------------------------


def test_the_page_is_what_the_committed_costs_give():
    measured = read_costs()
    sizes = Sizing(measured.costs, Plan(**cast(Any, defaults())))
    page = to_markdown(to_json(sizes, JOBS), sizes, measured.when)
    renew = 'make capacity ARGS="--markdown docs/capacity.md"'
    assert (ROOT / "docs" / "capacity.md").read_text("utf-8") == page, renew


def test_the_page_is_written_with_other_figures(tmp_path):
    path = tmp_path / "page.md"
    assert main(["--city-requests", "777", "--jobs", "5", "--markdown", str(path)]) == 0
    page = path.read_text("utf-8")
    assert "777 requests a minute to" in page
    assert "| jobs a day | 5 |" in page
    assert "{" not in page


def test_the_record_holds_every_cost_once():
    names = tomllib.loads(ON_RECORD.read_text("utf-8")).keys()
    assert names == {"measured", *TEXTS["costs"]}
