create index jobs_turns on jobs (queue, priority, turn, id)
    where state = 'ready' and turn is not null;
create index jobs_turns_of_owner on jobs (queue, owner_id, priority, turn)
    where state = 'ready' and turn is not null;
-- Ready jobs without a turn: they waited for their time.
create index jobs_without_turn on jobs (queue, run_at, id)
    where state = 'ready' and turn is null;
create unique index jobs_dedup on jobs (queue, dedup_key)
    where dedup_key is not null and state in ('ready', 'running', 'relayed');
