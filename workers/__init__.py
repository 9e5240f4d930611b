"""The code of a worker process: it claims a job, runs its team under a lease, and writes its outcome."""
