-- What the client says its file's hash is; the worker compares.
alter table uploads
    add column declared_sha256 bytea check (octet_length(declared_sha256) = 32);

-- Idempotency-Key: the name that an owner gives an upload. Rows past expires_at mean nothing and may be deleted
-- at any time.
create table upload_keys (
    owner_id uuid not null references accounts (id) on delete cascade,
    key text not null check (octet_length(key) between 1 and 255),
    upload_id uuid not null references uploads (id) on delete cascade,
    expires_at timestamptz not null,
    primary key (owner_id, key)
);

create index upload_keys_expired on upload_keys (expires_at);
create index upload_keys_upload on upload_keys (upload_id);
