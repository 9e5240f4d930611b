"""The core of the fleet: settings, models, ledger, AI City client and team.

It knows the rules of a job's life and neither the clock (``scheduler``) nor the Celery tasks
(``workers``) that move a job along; both import the core, and the core imports neither.
"""

__version__ = "0.1.0"
