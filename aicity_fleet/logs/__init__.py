"""One log format for every process of the fleet, without secrets and without repeats."""
