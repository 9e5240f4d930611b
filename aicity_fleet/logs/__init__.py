"""Logging of every process: one format, no secrets, no repeated warnings."""
