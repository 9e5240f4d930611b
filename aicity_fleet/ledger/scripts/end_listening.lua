-- The process that waited for the next job to finish waits no more.
-- Reply: the job that finished meanwhile, or ''
redis.call('HDEL', TURNS, 'listens_until')
return redis.call('LPOP', HEARD) or ''
