-- Uploads on their way are few, whatever was ever uploaded; counting them must not cost more than they are.
create index uploads_unfinished on uploads (state)
    where state in ('received', 'processing', 'failed');
