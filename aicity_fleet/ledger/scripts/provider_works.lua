-- A run got its answers from a model endpoint: the breaker closes.
-- ARGV: endpoint, recent_ms: for how long the trouble of a job stays known
-- Reply: 1 when there was trouble since the last success, else 0
return note_works(ARGV[1], NOW - ARGV[2])
