"""Running a job again offline from its journal, and reading its transcript."""
