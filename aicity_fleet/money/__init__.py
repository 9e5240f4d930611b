"""Costs, prices and earnings, as plain values."""
