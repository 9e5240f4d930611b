"""The coordinator's work: the brief, the judgement of each hand-in, the request for a revision."""
