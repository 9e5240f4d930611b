"""Metrics of the whole fleet for Prometheus: read from the ledger, and served by the dispatcher."""
