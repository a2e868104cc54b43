-- Up to where leases, due times and awaited halves of transfers are kept from the log.
create table ledger.timers (
    one boolean primary key default true check (one),
    position bigint not null,
    prepare bigint not null,
    store text not null
);

-- They were kept with the read model of presence, in the transactions that moved its checkpoint: they go on where that stands.
do $$ begin
    if to_regclass('read.read_model') is not null then
        insert into ledger.timers (position, prepare, store)
            select position, prepare, store from read.read_model where name = 'presence' and place = 'live' order by version desc limit 1;
    end if;
end $$;
