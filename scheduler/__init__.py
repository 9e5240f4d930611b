"""WHEN something happens: the clock's schedule, the poll of AI City, the sweep over the ledger."""
