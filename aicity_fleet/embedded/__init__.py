"""The fleet on one machine without Docker: its processes under one supervisor, a Redis of its own."""
