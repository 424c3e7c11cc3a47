-- Who has changed something lately: their reads go to the primary until replicas have it. Not logged: what is in it
-- matters for seconds, and a server that crashed was away for longer. Rows go with later ones, a minute old or more.
create unlogged table recent_writes (
    account_id uuid primary key,
    written_at timestamptz not null
);

create index recent_writes_by_age on recent_writes (written_at);
