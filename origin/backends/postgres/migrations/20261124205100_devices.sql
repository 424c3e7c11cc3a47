-- Where sessions of an account began. Counts of log-ins treat these apart from strangers.
create table devices (
    hash bytea primary key check (octet_length(hash) = 32),
    account_id uuid not null references accounts (id) on delete cascade,
    last_used_at timestamptz not null
);

create index devices_account on devices (account_id, last_used_at desc);
