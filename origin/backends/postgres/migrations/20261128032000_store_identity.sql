-- Who this database is. A bucket that carries the same name is its own: only there are objects deleted that no row
-- knows. A copy of the database is, to its bucket, the same database.
create table store_identity (
    id uuid not null,
    is_only boolean primary key default true check (is_only)
);
