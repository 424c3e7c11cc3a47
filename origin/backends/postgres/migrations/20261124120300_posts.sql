create table posts (
    id uuid primary key,
    author_id uuid not null references accounts (id),
    body text not null,
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    header_upload_id uuid references uploads (id),
    moderation text not null default 'unreviewed' check (
        moderation in ('unreviewed', 'passed', 'removed', 'restored')
    ),
    moderated_at timestamptz,
    created_at timestamptz not null,
    -- By the author. What moderation takes away is 'removed' instead, so that giving it back
    -- never brings back what the author deleted.
    deleted_at timestamptz
);

create index posts_newest on posts (id desc) where deleted_at is null and moderation <> 'removed';
create index posts_by_author on posts (author_id, id desc)
    where deleted_at is null and moderation <> 'removed';
create index posts_fingerprint on posts (author_id, fingerprint, id)
    where deleted_at is null and moderation <> 'removed';
create index posts_header on posts (header_upload_id) where header_upload_id is not null;
