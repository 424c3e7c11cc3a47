-- How a queue was told to stand still, and what of its rate is used. One without a row runs, and has used nothing.
create table job_queues (
    queue text primary key,
    paused_at timestamptz,
    -- Until when what was begun is paid for: microseconds since 1970.
    paid_until bigint not null default 0
);

alter table jobs
    -- Earlier first: 0 urgent, 1 normal, 2 low.
    add column priority smallint not null default 1,
    -- The place of a ready job in its queue and priority; null until its time has come. Owners take turns: the first job of each,
    -- then the second. Only the order counts.
    add column turn bigint,
    -- While a job with this key is not over, its queue takes no other.
    add column dedup_key text,
    add constraint jobs_priority_check check (priority between 0 and 2) not valid,
    add constraint jobs_dedup_key_check check (length(dedup_key) between 1 and 200) not valid;

-- A job goes behind those of its owner, and never before those whose turn it is: who was idle saves nothing up. Two steps in an
-- index each, whatever waits. Where statistics are old, nothing else must be tried.
create function job_turn(queue text, priority smallint, owner uuid) returns bigint
language plpgsql volatile
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
    return greatest(
        0,
        (select jobs.turn from jobs
            where jobs.queue = job_turn.queue and jobs.priority = job_turn.priority
                and jobs.state = 'ready' and jobs.turn is not null
            order by jobs.turn limit 1),
        (select jobs.turn + 1 from jobs
            where jobs.queue = job_turn.queue and jobs.owner_id = job_turn.owner
                and jobs.priority = job_turn.priority
                and jobs.state = 'ready' and jobs.turn is not null
                -- Jobs of nobody do not wait for each other.
                and job_turn.owner <> '00000000-0000-0000-0000-000000000000'
            order by jobs.turn desc limit 1)
    );
end
$$;

create function jobs_take_turn() returns trigger language plpgsql as $$
begin
    new.turn := job_turn(new.queue, new.priority, new.owner_id);
    return new;
end
$$;

-- Whoever writes the job, also programs that know no turns. One that waits for its time gets its turn then.
create trigger jobs_take_turn before insert on jobs
for each row when (new.state = 'ready' and new.run_at <= new.created_at)
execute function jobs_take_turn();
