-- Nodes that are at work. One that is heard of no more was stopped or killed, which is no loss of its connections (CON-8).
create table ledger.node (
    node_id uuid primary key,
    seen_at timestamptz not null
);

-- Due work is claimed for a moment, so that each piece is one node's; what a node that died had claimed is free again soon.
alter table ledger.due add column claimed_until timestamptz not null default '-infinity';
alter table ledger.lease add column claimed_until timestamptz not null default '-infinity';
