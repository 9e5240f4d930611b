"""The archive of settled jobs, in an SQLite file. It outlives the ledger's retention."""

from aicity_fleet.archive.archive import Archive, ArchivedJob, Wanted

__all__ = ["Archive", "ArchivedJob", "Wanted"]
