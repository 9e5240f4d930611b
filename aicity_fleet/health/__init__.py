"""Judges how a fleet stands. The commands ``status`` and ``doctor`` and the alerts say the same of it."""
