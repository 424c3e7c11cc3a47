-- Who was given which role when.
create table role_changes (
    id uuid primary key,
    account_id uuid not null references accounts (id) on delete cascade,
    before text not null,
    after text not null,
    at timestamptz not null
);

create index role_changes_account on role_changes (account_id, at);
