-- The ledger: an append-only table, the heads of its streams, remembered answers, snapshots, and what is due.
create schema if not exists ledger;

-- Transaction ids start again in another cluster; the epoch goes up then, so that the order of events stays.
create table ledger.epoch (
    epoch int primary key,
    system_identifier text not null,
    began_at timestamptz not null default now()
);

-- Where each stream stands. An append locks the heads of its streams, so that it is all or nothing.
create table ledger.stream (
    stream text collate "C" primary key,
    version bigint not null
) with (fillfactor = 70);

create table ledger.event (
    epoch int not null,
    transaction_id xid8 not null default pg_current_xact_id(),
    position bigint not null generated always as identity,
    stream text collate "C" not null,
    version bigint not null,
    event_id uuid not null,
    type text not null,
    data json not null,
    metadata json not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    hash bytea not null,
    primary key (stream, version)
);

create unique index event_order on ledger.event (epoch, transaction_id, position);

-- Nobody changes the past, the service's own role least of all: it has no right to, and this trigger refuses also whoever has.
create function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ledger.event is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end $$;

create trigger event_is_append_only before update or delete or truncate on ledger.event
    for each statement execute function ledger.refuse_change();

create table ledger.answer (
    key text collate "C" primary key,
    fingerprint bytea not null,
    answer text not null,
    recorded_at timestamptz not null
);

create index answer_age on ledger.answer (recorded_at);

-- A cache of states that keeps a cold load short; deleting it changes nothing.
create table ledger.snapshot (
    stream text collate "C" primary key,
    version bigint not null,
    shape int not null,
    state json not null,
    hash bytea not null
);

-- Live connections and their last signs of life. Rows come and go with the events; heartbeats only touch them (CON-7).
create table ledger.lease (
    agent_id text collate "C" not null,
    connection_id text collate "C" not null,
    last_seen_at timestamptz not null,
    counts_from timestamptz not null,
    primary key (agent_id, connection_id)
) with (fillfactor = 50);

-- When an agent next has something that happens by itself, heartbeats aside; infinity where only the policy could say when.
create table ledger.due (
    agent_id text collate "C" primary key,
    due_at timestamptz not null
);

create index due_order on ledger.due (due_at);

-- One statement, one transaction, many commits: each is appended whole or not at all, and has a verdict of its own.
--   s_*  one entry per stream of a commit       e_*  one entry per event, in order
--   k_*  one entry per answer to remember       A stream or a key stands in at most one commit of a call.
create function ledger.append(
    in_epoch int, in_now timestamptz,
    s_commit int[], s_stream text[], s_expected bigint[], s_count int[],
    e_commit int[], e_stream text[], e_version bigint[], e_id uuid[], e_type text[], e_data text[], e_metadata text[],
    e_occurred timestamptz[], e_recorded timestamptz[], e_hash bytea[],
    k_commit int[], k_key text[], k_fingerprint bytea[], k_answer text[]
) returns table (conflicts int[], taken int[], epoch int, transaction_id xid8, last_position bigint) language plpgsql as $$
declare
    failed int[];
    repeated int[];
    refused int[] := '{}';
begin
    insert into ledger.stream (stream, version)
        select s.stream, -1 from unnest(s_stream, s_expected) as s (stream, expected) where s.expected = -1 order by 1
        on conflict do nothing;

    -- In one order everywhere, so that two nodes never wait for each other in a circle.
    perform 1 from ledger.stream h where h.stream = any (s_stream) order by h.stream for update;

    select array_agg(distinct s.commit_no) into failed
        from unnest(s_commit, s_stream, s_expected) as s (commit_no, stream, expected)
        left join ledger.stream h on h.stream = s.stream
        where h.version is distinct from s.expected;

    -- A commit that fails because all of it is there already, by an earlier try with the same event ids, has succeeded.
    if failed is not null then
        select array_agg(c.commit_no) into repeated from (
            select e.commit_no
                from unnest(e_commit, e_stream, e_version, e_id) as e (commit_no, stream, version, id)
                left join ledger.event v on v.stream = e.stream and v.version = e.version and v.event_id = e.id
                where e.commit_no = any (failed)
                group by e.commit_no
                having count(*) = count(v.event_id)
        ) c;
    end if;

    if cardinality(k_commit) > 0 then
        with kept as (
            insert into ledger.answer as a (key, fingerprint, answer, recorded_at)
                select k.key, k.fingerprint, k.answer, in_now
                from unnest(k_commit, k_key, k_fingerprint, k_answer) as k (commit_no, key, fingerprint, answer)
                where failed is null or k.commit_no <> all (failed)
                order by k.key
                on conflict (key) do update
                    set fingerprint = excluded.fingerprint, answer = excluded.answer, recorded_at = excluded.recorded_at
                    where a.recorded_at < in_now - interval '24 hours'
                returning key
        )
        select coalesce(array_agg(k.commit_no), '{}') into refused
            from unnest(k_commit, k_key) as k (commit_no, key)
            where (failed is null or k.commit_no <> all (failed)) and k.key not in (select key from kept);
    end if;

    update ledger.stream h set version = s.expected + s.count
        from unnest(s_commit, s_stream, s_expected, s_count) as s (commit_no, stream, expected, count)
        where h.stream = s.stream and (failed is null or s.commit_no <> all (failed)) and s.commit_no <> all (refused);

    with appended as (
        insert into ledger.event (epoch, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash)
            select in_epoch, e.stream, e.version, e.id, e.type, e.data::json, e.metadata::json, e.occurred, e.recorded, e.hash
            from unnest(e_commit, e_stream, e_version, e_id, e_type, e_data, e_metadata, e_occurred, e_recorded, e_hash)
                with ordinality as e (commit_no, stream, version, id, type, data, metadata, occurred, recorded, hash, n)
            where (failed is null or e.commit_no <> all (failed)) and e.commit_no <> all (refused)
            order by e.n
            returning position
    )
    select in_epoch, pg_current_xact_id(), max(a.position) into epoch, transaction_id, last_position from appended a;

    -- Where nothing is new, what was repeated ends at its first try: a reader must never wait for a place without an event.
    if last_position is null and repeated is not null then
        select v.epoch, v.transaction_id, v.position into epoch, transaction_id, last_position
            from unnest(e_commit, e_stream, e_version) as e (commit_no, stream, version)
            join ledger.event v on v.stream = e.stream and v.version = e.version
            where e.commit_no = any (repeated)
            order by v.epoch desc, v.transaction_id desc, v.position desc limit 1;
    end if;

    conflicts := coalesce((select array_agg(f) from unnest(failed) f where repeated is null or f <> all (repeated)), '{}');
    taken := refused;
    return next;
end $$;
