-- What is summed before a ticket is given.
create index uploads_staged on uploads (declared_length)
    where state in ('ticketed', 'received', 'processing', 'failed');
