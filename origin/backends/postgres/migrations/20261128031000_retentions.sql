-- What is pruned by age.
create index devices_last_used on devices (last_used_at);
create index role_changes_at on role_changes (at);
