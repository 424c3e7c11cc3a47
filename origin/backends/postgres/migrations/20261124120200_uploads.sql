create table uploads (
    id uuid primary key,
    owner_id uuid not null references accounts (id),
    purpose text not null check (purpose in ('avatar', 'profile_header', 'post_header')),
    state text not null check (
        state in ('ticketed', 'received', 'processing', 'ready', 'rejected', 'failed', 'expired')
    ),
    moderation text not null default 'unreviewed' check (
        moderation in ('unreviewed', 'passed', 'removed', 'restored')
    ),
    reason text,
    declared_length bigint not null check (declared_length > 0),
    staged_etag text,

    -- The picture that was made; all of these or none.
    sha256 bytea check (octet_length(sha256) = 32),
    length bigint,
    width integer,
    height integer,
    blurhash text,
    perceptual_hash bigint,
    source_sha256 bytea check (octet_length(source_sha256) = 32),

    -- Who makes the picture holds it until then; capped: on demand, and counted.
    making_until timestamptz,
    making_capped boolean not null default false,

    revision bigint not null default 1,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    received_at timestamptz,
    ready_at timestamptz,
    moderated_at timestamptz,

    constraint uploads_derivative_check check (
        num_nulls(sha256, length, width, height, blurhash, perceptual_hash, source_sha256) in (0, 7)
    ),
    constraint uploads_making_check check ((state = 'processing') = (making_until is not null))
);

create index uploads_owner on uploads (owner_id, id desc);
create index uploads_open on uploads (owner_id, expires_at) where state = 'ticketed';
create index uploads_making_capped on uploads (making_until)
    where state = 'processing' and making_capped;

alter table accounts
    add constraint accounts_avatar_upload_fkey
        foreign key (avatar_upload_id) references uploads (id),
    add constraint accounts_profile_header_upload_fkey
        foreign key (profile_header_upload_id) references uploads (id);
