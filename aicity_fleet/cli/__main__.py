"""``python -m aicity_fleet.cli``: the same as ``aicity-fleet``, for processes that start it."""

from aicity_fleet.cli import main

main()
