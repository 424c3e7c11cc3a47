-- What was handed over and did not fail yet: the relay's window counts these, however many wait beside them to be tried again.
create index jobs_relayed_first on jobs (queue, run_at)
    where state = 'relayed' and attempts_used = 0;
-- What was done lately in one queue, however much is in others.
create index jobs_done on jobs (queue, settled_at) where state = 'done';
