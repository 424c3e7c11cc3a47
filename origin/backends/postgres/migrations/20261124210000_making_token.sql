-- Who holds the claim to make a picture: told from whoever held an earlier one.
alter table uploads add column making_token uuid;
