alter table accounts
    -- Its owner has deleted it, and can restore it until then; meanwhile it is hidden.
    add column delete_after timestamptz,
    -- The time is over: nothing brings it back.
    add column erasing boolean not null default false,
    add constraint accounts_erasing_check check (not erasing or delete_after is not null);

create index accounts_leaving on accounts (delete_after) where delete_after is not null;
-- Lists leave out what the few hidden accounts wrote.
create index accounts_hidden on accounts (id) where delete_after is not null;
