"""The way to a model: its shared client, and the wrapper that journals, counts and bounds each call."""
