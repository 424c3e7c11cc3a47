create table accounts (
    id uuid primary key,
    handle text not null,
    display_name text not null,
    bio text not null default '',
    role text not null default 'user' check (role in ('user', 'reviewer', 'operator')),
    password_hash text not null,
    avatar_upload_id uuid,
    profile_header_upload_id uuid,
    created_at timestamptz not null
);

create unique index accounts_handle_key on accounts (handle);
-- A removed picture is cleared wherever it stands.
create index accounts_avatar on accounts (avatar_upload_id) where avatar_upload_id is not null;
create index accounts_profile_header on accounts (profile_header_upload_id)
    where profile_header_upload_id is not null;

-- One row a key, so that attempts which come at once are counted one after the other.
create table attempts (
    key text primary key,
    at timestamptz[] not null,
    last_at timestamptz not null
);

create index attempts_last_at on attempts (last_at);
