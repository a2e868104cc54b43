-- In which store the ledger of this database is kept. No row before the service has started once with this version.
create table ledger.store (
    is_only boolean primary key default true check (is_only),
    store text not null,
    prefix text not null,
    since timestamptz not null default now()
);

-- By what that store is known again, where it is not this database: where first events of the ledger stand in it.
create table ledger.store_mark (
    stream text primary key,
    event_id uuid not null,
    position text not null
);
