-- What a node has heard of connections, so exactly that any other can decide over them (CON-1).

-- A grant of a full timeout is no longer kept with each lease but once, as an outage. That a connection closes is kept, so that
-- other nodes do not take a late heartbeat of it for a sign of life.
alter table ledger.lease drop column counts_from;
alter table ledger.lease add column closing_at timestamptz;
create index lease_closing on ledger.lease (closing_at) where closing_at is not null;

-- Up to when a node has told everything that arrived at it. It holds an advisory lock of its key: one that is free is of a node
-- that is gone.
truncate ledger.node;
alter table ledger.node add column heard_until timestamptz not null;
alter table ledger.node add column lock_key bigint not null;

-- Times in which the service may not have heard everybody (CON-8).
create table ledger.outage (
    id bigint generated always as identity primary key,
    from_at timestamptz not null,
    until_at timestamptz not null,
    cause text not null
);
create index outage_until on ledger.outage (until_at);
