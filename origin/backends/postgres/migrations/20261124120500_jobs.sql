create table jobs (
    id uuid primary key,
    queue text not null,
    name text not null,
    payload jsonb not null,
    owner_id uuid not null,
    state text not null default 'ready' check (
        state in ('ready', 'running', 'relayed', 'done', 'dead')
    ),
    run_at timestamptz not null,
    max_attempts integer not null check (max_attempts > 0),
    -- Grows with every lease and never shrinks: the fencing token.
    attempt integer not null default 0,
    -- Attempts that count towards the limit: a job that is given back untouched gets its attempt back.
    attempts_used integer not null default 0 check (attempts_used >= 0),
    lease_until timestamptz,
    worker text,
    last_error text,
    traceparent text,
    created_at timestamptz not null,
    settled_at timestamptz,
    constraint jobs_lease_check check ((state = 'running') = (lease_until is not null))
) with (autovacuum_vacuum_scale_factor = 0.02);

create index jobs_ready on jobs (queue, run_at, id) where state = 'ready';
create index jobs_running on jobs (queue, lease_until) where state = 'running';
create index jobs_dead on jobs (queue, id) where state = 'dead';
create index jobs_settled on jobs (settled_at) where state = 'done';
