"""What a worker process runs: it claims a job, runs its team under a lease, and writes its outcome."""
