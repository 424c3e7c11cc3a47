-- Without foreign keys: a record outlives what it is about.
create table moderation_records (
    id uuid primary key,
    upload_id uuid,
    post_id uuid,
    owner_id uuid not null,
    source text not null,
    stage text not null,
    outcome text not null check (outcome in ('passed', 'removed')),
    reason text not null,
    confidence double precision not null,
    scores jsonb not null,
    created_at timestamptz not null,
    constraint moderation_records_subject_check check (num_nonnulls(upload_id, post_id) = 1)
);

create index moderation_records_upload on moderation_records (upload_id, created_at, id)
    where upload_id is not null;
create index moderation_records_post on moderation_records (post_id, created_at, id)
    where post_id is not null;
create index moderation_records_owner on moderation_records (owner_id, created_at);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'table % is append-only', tg_table_name;
end
$$;

create trigger moderation_records_append_only before update on moderation_records
    for each statement execute function refuse_change();
