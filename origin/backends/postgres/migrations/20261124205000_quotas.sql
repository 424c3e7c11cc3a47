-- What counts towards an account's quota: everything of the last 24 hours that was not given up.
create index uploads_counted on uploads (owner_id, created_at) where state <> 'expired';
