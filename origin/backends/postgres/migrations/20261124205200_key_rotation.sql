-- From when on a key signs. Programs from before read neither this nor keys that wait: they sign with the
-- newest one at once, and their tokens verify everywhere, for all keys are published.
alter table signing_keys add column signs_from timestamptz;
