-- What the edge saw of the file's beginning: a repeat under the same Idempotency-Key must be the same file.
alter table uploads
    add column head_sha256 bytea check (octet_length(head_sha256) = 32);
