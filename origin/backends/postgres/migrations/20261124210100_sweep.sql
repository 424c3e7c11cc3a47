alter table uploads
    -- Since when nothing shows it, as far as the sweep has seen.
    add column loose_at timestamptz,
    -- How often, and when last, the objects of an upload that is over were deleted. Twice is for good.
    add column sweeps smallint not null default 0,
    add column swept_at timestamptz;

create index uploads_ticketed on uploads (expires_at) where state = 'ticketed';
create index uploads_held on uploads (id)
    where state in ('received', 'processing', 'ready', 'failed') and loose_at is null;
create index uploads_loose on uploads (loose_at)
    where state in ('received', 'processing', 'ready', 'failed') and loose_at is not null;
create index uploads_over on uploads (swept_at nulls first)
    where state in ('expired', 'rejected') and sweeps < 2;
create index uploads_swept on uploads (swept_at) where sweeps >= 2;

-- Where a walk over many rows or objects goes on in the next run.
create table sweep_positions (
    walk text primary key,
    position text not null
);

-- What is pruned by age. `least` leaves out what is null.
create index jobs_dead_settled on jobs (settled_at) where state = 'dead';
create index refresh_tokens_used on refresh_tokens (used_at) where used_at is not null;
create index sessions_over on sessions (least(ended_at, expires_at));
