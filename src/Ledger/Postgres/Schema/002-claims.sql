-- Beside a log that is not in this database: idempotency keys, and transfers whose second half may be missing.

-- A try to append under an idempotency key. It counts once its event is in the log; without a stream it is an answer alone.
create table ledger.claim (
    key text collate "C" not null,
    event_id uuid not null,
    fingerprint bytea not null,
    answer text not null,
    stream text collate "C",
    version bigint not null,
    claimed_at timestamptz not null,
    primary key (key, event_id)
);

create index claim_age on ledger.claim (claimed_at);

-- The claims of a key that are not forgotten; also answers of a time when the log was in this database.
create function ledger.claims_of(in_key text, in_now timestamptz)
    returns table (event_id uuid, fingerprint bytea, answer text, stream text, version bigint, claimed_at timestamptz)
    language sql stable as $$
    select c.event_id, c.fingerprint, c.answer, c.stream, c.version, c.claimed_at
        from ledger.claim c where c.key = in_key and c.claimed_at >= in_now - interval '24 hours'
    union all
    select '00000000-0000-0000-0000-000000000000'::uuid, a.fingerprint, a.answer, null, -1, a.recorded_at
        from ledger.answer a where a.key = in_key and a.recorded_at >= in_now - interval '24 hours'
$$;

-- Claims a key where nobody else has: nothing comes back. Else the claims to be looked into, but for those in in_dead, and
-- nothing is claimed. One at a time for a key.
create function ledger.claim_key(
    in_key text, in_event_id uuid, in_fingerprint bytea, in_answer text, in_stream text, in_version bigint, in_now timestamptz, in_dead uuid[]
) returns table (event_id uuid, fingerprint bytea, answer text, stream text, version bigint, claimed_at timestamptz) language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(in_key, 0));
    return query select * from ledger.claims_of(in_key, in_now) c where c.event_id <> all (in_dead);
    if not found then
        insert into ledger.claim as c (key, event_id, fingerprint, answer, stream, version, claimed_at)
            values (in_key, in_event_id, in_fingerprint, in_answer, in_stream, in_version, in_now)
            on conflict on constraint claim_pkey do update
                set fingerprint = excluded.fingerprint, answer = excluded.answer, claimed_at = excluded.claimed_at;
    end if;
end $$;

-- A conversation that the second agent has got from the first, who may still have it: where the log cannot append to both at
-- once, and the service died in between.
create table ledger.handover (
    from_agent_id text collate "C" not null,
    conversation_id text collate "C" not null,
    to_agent_id text collate "C" not null,
    to_version bigint not null,
    due_at timestamptz not null,
    primary key (from_agent_id, conversation_id, to_agent_id)
);

create index handover_order on ledger.handover (due_at);
