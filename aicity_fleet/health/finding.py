"""One finding about the health of a fleet."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the operator should know."""

    name: str
    """What it is about. It stays the same while the numbers in ``what`` change."""
    what: str
    remedy: str
    needs_person: bool
    """Whether it stays like this until a person acts."""
