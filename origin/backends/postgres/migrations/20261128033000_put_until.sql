-- Until when a client has a URL by which its file can be stored, whatever became of the ticket: it counts for as
-- long. Null where only an edge had one.
alter table uploads add column put_until timestamptz;

create index uploads_put_until on uploads (put_until) where put_until is not null;
create index uploads_given_up on uploads (owner_id, put_until)
    where state = 'expired' and put_until is not null;
