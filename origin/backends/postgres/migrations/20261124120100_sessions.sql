create table sessions (
    id uuid primary key,
    account_id uuid not null references accounts (id),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);

create index sessions_account on sessions (account_id);

-- Used tokens are kept for as long as their session: one that comes again is a copy.
create table refresh_tokens (
    hash bytea primary key check (octet_length(hash) = 32),
    session_id uuid not null references sessions (id) on delete cascade,
    created_at timestamptz not null,
    used_at timestamptz
);

create index refresh_tokens_session on refresh_tokens (session_id);

create table signing_keys (
    id text primary key,
    secret bytea not null,
    created_at timestamptz not null,
    -- Of replicas that start together only one can add the first key.
    is_first boolean not null default false
);

create unique index signing_keys_first on signing_keys (is_first) where is_first;
