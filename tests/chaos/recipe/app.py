"""A small Celery app as a user would write it for AI City: poll, one task per assignment, report.

It is what the fleet is compared with, and as good as a page of Celery gets: it remembers what it
has seen in Redis, runs one Celery task per assigned task, and reports a failure when something raises.
"""

from __future__ import annotations

import os
import time

import httpx
import redis
from celery import Celery

CITY = os.environ["AGENT_CITY_BASE_URL"]
CITY_KEY = {"X-API-Key": "ac_live_simulated"}
MODEL_KEY = {"Authorization": "Bearer simulated"}

app = Celery("recipe", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_acks_late=os.environ.get("RECIPE_ACKS_LATE") == "1",
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    beat_schedule={"poll": {"task": "recipe.poll", "schedule": 2.0}},
)
if "RECIPE_VISIBILITY_TIMEOUT" in os.environ:
    seconds = int(os.environ["RECIPE_VISIBILITY_TIMEOUT"])
    app.conf.broker_transport_options = {"visibility_timeout": seconds}

seen = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.task(name="recipe.poll")
def poll() -> None:
    page, pages = 1, 1
    while page <= pages:
        answer = httpx.get(
            f"{CITY}/api/v1/tasks/assigned",
            params={"page": page, "page_size": 50},
            headers=CITY_KEY,
            timeout=30,
        ).raise_for_status()
        listed = answer.json()
        for task in listed["data"]:
            if seen.sadd("recipe:seen", task["id"]):
                work.delay(task["id"], task["taskType"], task["input"]["description"])
        pages = listed["pagination"]["totalPages"]
        page += 1


@app.task(name="recipe.work")
def work(task_id: str, task_type: str, description: str) -> None:
    began = time.monotonic()
    try:
        text = ask_model(description)
    except Exception as error:  # noqa: BLE001 - whatever it is, the buyer is told
        report(task_id, "fail", {"reason": "internal", "message": type(error).__name__})
        return
    elapsed = int((time.monotonic() - began) * 1000)
    report(task_id, "complete", {"output": {"result": text}, "executionTimeMs": elapsed})


def ask_model(description: str) -> str:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": description}]}
    answer = httpx.post(
        f"{CITY}/v1/chat/completions", json=body, headers=MODEL_KEY, timeout=60
    ).raise_for_status()
    return str(answer.json()["choices"][0]["message"]["content"])


def report(task_id: str, kind: str, body: dict) -> None:
    url = f"{CITY}/api/v1/tasks/{task_id}/{kind}"
    httpx.post(url, json=body, headers=CITY_KEY, timeout=30).raise_for_status()
