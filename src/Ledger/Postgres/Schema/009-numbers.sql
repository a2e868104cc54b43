-- Events are numbered from 1 on without gaps, in the order of their commits (docs/decisions/0030-events-are-numbered-without-gaps.md).
-- The ledger of before is carried over in the order that it had; everything that is hashed stays as it is.
drop function ledger.append;
alter table ledger.event rename to event_unnumbered;

create table ledger.event (
    position bigint not null,
    stream text collate "C" not null,
    version bigint not null,
    event_id uuid not null,
    type text not null,
    data json not null,
    metadata json not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    hash bytea not null
);

insert into ledger.event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash)
    select row_number() over (order by epoch, transaction_id, position), stream, version, event_id, type, data, metadata, occurred_at,
            recorded_at, hash
        from ledger.event_unnumbered;

drop table ledger.event_unnumbered, ledger.stream, ledger.epoch;

-- Checkpoints of before name places that are no more: the read models are filled again.
drop table if exists read.read_model;

alter table ledger.event add primary key (stream, version);
create unique index event_order on ledger.event (position);

create trigger event_is_append_only before update or delete or truncate on ledger.event
    for each statement execute function ledger.refuse_change();

-- The names of streams from one on up to before another, by the index: there are many events of each.
create function ledger.streams(from_stream text, to_stream text) returns setof text language sql stable as $$
    with recursive s (stream) as (
        (select stream from ledger.event where stream >= from_stream collate "C" order by stream limit 1)
        union all
        select (select e.stream from ledger.event e where e.stream > s.stream order by e.stream limit 1) from s where s.stream is not null
    )
    select stream from s where stream is not null and (to_stream is null or stream < to_stream collate "C")
$$;

-- In the place of that of 001-ledger.sql, most of whose steps it has: a script that was applied stays as it was.
-- One statement, one transaction, many commits: each is appended whole or not at all, and has a verdict of its own.
--   s_*  one entry per stream of a commit       e_*  one entry per event, in order
--   k_*  one entry per answer to remember       A stream or a key stands in at most one commit of a call.
create function ledger.append(
    in_now timestamptz,
    s_commit int[], s_stream text[], s_expected bigint[],
    e_commit int[], e_stream text[], e_version bigint[], e_id uuid[], e_type text[], e_data text[], e_metadata text[],
    e_occurred timestamptz[], e_recorded timestamptz[], e_hash bytea[],
    k_commit int[], k_key text[], k_fingerprint bytea[], k_answer text[]
) returns table (conflicts int[], taken int[], last_position bigint) language plpgsql as $$
declare
    failed int[];
    repeated int[];
    refused int[] := '{}';
    newest bigint;
begin
    -- One append at a time, until its commit: so the next one sees its events, and commits come in the order of the numbers.
    perform pg_advisory_xact_lock(5495873993171927042); -- "LEDGER" and 2

    select array_agg(distinct s.commit_no) into failed
        from unnest(s_commit, s_stream, s_expected) as s (commit_no, stream, expected)
        left join lateral (
            select v.version from ledger.event v where v.stream = s.stream order by v.version desc limit 1
        ) head on true
        where coalesce(head.version, -1) <> s.expected;

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

    select coalesce(max(v.position), 0) into newest from ledger.event v;
    with appended as (
        insert into ledger.event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at, hash)
            select newest + row_number() over (order by e.n), e.stream, e.version, e.id, e.type, e.data::json, e.metadata::json, e.occurred,
                    e.recorded, e.hash
            from unnest(e_commit, e_stream, e_version, e_id, e_type, e_data, e_metadata, e_occurred, e_recorded, e_hash)
                with ordinality as e (commit_no, stream, version, id, type, data, metadata, occurred, recorded, hash, n)
            where (failed is null or e.commit_no <> all (failed)) and e.commit_no <> all (refused)
            returning position
    )
    select max(a.position) into last_position from appended a;

    -- Where nothing is new, what was repeated ends at its first try: a reader must never wait for a place without an event.
    if last_position is null and repeated is not null then
        select max(v.position) into last_position
            from unnest(e_commit, e_stream, e_version) as e (commit_no, stream, version)
            join ledger.event v on v.stream = e.stream and v.version = e.version
            where e.commit_no = any (repeated);
    end if;

    conflicts := coalesce((select array_agg(f) from unnest(failed) f where repeated is null or f <> all (repeated)), '{}');
    taken := refused;
    return next;
end $$;
