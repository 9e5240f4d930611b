"""The command ``metrics``: what Prometheus would read of the fleet now."""

import typer

from aicity_fleet.cli.connection import open_ledger


def metrics() -> None:
    """Print the metrics of the fleet once, as Prometheus reads them."""
    # A command that few run need not slow the others down.
    from aicity_fleet.metrics.page import page_of  # noqa: PLC0415
    from aicity_fleet.metrics.reading import read_fleet  # noqa: PLC0415

    typer.echo(page_of(read_fleet(open_ledger())), nl=False)
