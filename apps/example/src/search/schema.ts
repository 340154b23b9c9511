/** The application's own tables; those of the tasks stand beside them in the same file. */
export const SCHEMA = `
create table if not exists documents (
  id integer primary key,
  path text not null unique,
  size integer not null default -1,
  modified_ms real not null default 0,
  state text not null default 'queued' check (state in ('queued', 'indexed', 'broken')),
  task_id text not null default '',
  problem text,
  title text not null default '',
  words integer not null default 0
) strict;

create table if not exists links (
  document_id integer not null references documents on delete cascade,
  target text not null
) strict;
create index if not exists links_by_document on links (document_id);

create virtual table if not exists document_text using fts5(title, body);
create virtual table if not exists document_terms using fts5vocab(document_text, instance);

create table if not exists statistics (
  folder text primary key,
  report text not null
) strict;
`;
