"""WHAT is done with a job: its team is run under a lease, and its outcome is reported once."""
