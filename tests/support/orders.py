"""What the tests of the simulator say to its control side, and bodies that end a task."""

import httpx

GOOD = (
    "# Plan\n\n## Steps\n\n- Tell the office about the move of the printer by Monday and name one "
    "person who answers for it.\n- Pack the printer on Friday, with its cables in a marked bag, "
    "and carry it over on Saturday.\n- Check on Monday morning that the printer prints, before "
    "anybody else comes in, and write down what was missing so that the next move goes better."
)
TASK = {
    "taskType": "general",
    "input": {"description": "Plan the move of our printer."},
    "maxBudget": 999,
}
DONE = {"output": {"result": GOOD}, "executionTimeMs": 12}
GAVE_UP = {"reason": "quality", "message": "not possible"}


def submit(control: httpx.Client, *, count: int = 1, **changes: object) -> list[str]:
    tasks = [{**TASK, **changes} for _ in range(count)]
    ids: list[str] = control.post("/tasks", json=tasks).raise_for_status().json()["ids"]
    return ids


def install(control: httpx.Client, **fault: object) -> None:
    control.post("/faults", json=fault).raise_for_status()
