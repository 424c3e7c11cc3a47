-- Answers under an Idempotency-Key, each written in the transaction of what it is about. Rows past expires_at mean nothing
-- and may be deleted at any time.
create table stored_answers (
    owner_id uuid not null references accounts (id) on delete cascade,
    route text not null,
    key text not null check (octet_length(key) between 1 and 255),
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    status smallint not null check (status between 200 and 299),
    location text check (octet_length(location) <= 1024),
    body text not null check (octet_length(body) <= 131072),
    expires_at timestamptz not null,
    primary key (owner_id, route, key)
);

create index stored_answers_expired on stored_answers (expires_at);
