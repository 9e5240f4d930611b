"""The names on the wire: Celery tasks, queues, and which process works which queue."""

POLL = "fleet.poll"
"""Task: look at AI City once."""
RUN_JOB = "fleet.run_job"
"""Task: run the team of one job. Its one argument is the job's id."""
REPORT = "fleet.report"
"""Task: tell AI City the outcome of one job. Its one argument is the job's id."""

CONTROL_QUEUE, JOBS_QUEUE, REPORTS_QUEUE = "control", "jobs", "reports"
"""Queues: the dispatcher works the first and the last, the workers the second."""

QUEUE_OF = {POLL: CONTROL_QUEUE, RUN_JOB: JOBS_QUEUE, REPORT: REPORTS_QUEUE}
"""Where each task goes."""

TASK_MODULES = {
    "scheduler.tasks": {CONTROL_QUEUE, REPORTS_QUEUE},
    "workers.tasks": {JOBS_QUEUE},
}
"""The module that a Celery worker imports when it consumes one of these queues. So the
dispatcher never loads a team, and a worker never loads AI City's client, unless both are forks of one
process."""
