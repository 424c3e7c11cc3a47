alter table jobs
    -- When it was handed to another queue; null while it is in the table alone.
    add column relayed_at timestamptz,
    -- When it was last compared with that queue.
    add column checked_at timestamptz,
    -- What it is called there, if not by its id.
    add column relayed_as text;

create index jobs_relayed on jobs (queue, run_at) where state = 'relayed';
create index jobs_relayed_checked on jobs (queue, checked_at) where state = 'relayed';
