using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using PresenceLedger.Domain.Reporting;

namespace PresenceLedger.Projections.Tests.Facts;

/// <summary>
/// The reports' arithmetic once more, in SQL over the tables, by sets of ranges instead of by walking along: it shares nothing with
/// <see cref="Arithmetic"/> but the definitions.
/// </summary>
internal static class SqlOracle
{
    /// <summary>What ended, from the tables, and what goes on, from the agents' rows: ranges of each kind.</summary>
    private const string Facts = """
        with agent as (
            select agent_id, registered_at, state::jsonb as state from presence_v3.agent
        ), bucket as (
            select n - 1 as bucket, edge as begins, lead(edge) over (order by n) as ends
                from unnest($1::timestamptz[]) with ordinality e (edge, n)
        ), cell as (
            select agent_id, bucket, begins, ends, registered_at from agent cross join bucket where ends is not null
        ), raw_status as (
            select agent_id, status_id, base, started_at, ended_at from presence_v3.status_interval
            union all
            select agent_id, state #>> '{status,statusId}', state #>> '{status,base}', (state #>> '{status,start,at}')::timestamptz, $2
                from agent
        ), correction as (
            select c.agent_id, c.version, c.status_id, c.base,
                tstzmultirange(tstzrange(greatest(c.from_at, a.registered_at), greatest(greatest(c.from_at, a.registered_at), least(c.to_at, $2))))
                    as said
                from presence_v3.correction c join agent a using (agent_id) where $3
        ), effective as (
            select c.agent_id, c.status_id, c.base,
                c.said - coalesce((select range_agg(l.said) from correction l where l.agent_id = c.agent_id and l.version > c.version), '{}')
                    - coalesce((
                        select range_agg(tstzrange(s.started_at, s.ended_at)) from raw_status s
                        where s.agent_id = c.agent_id and s.status_id = c.status_id and s.base = c.base and s.started_at < s.ended_at
                    ), '{}') as said
                from correction c
        ), corrected as (
            select agent_id, range_agg(said) as all_of from effective group by agent_id
        ), piece as (
            select s.agent_id, s.status_id, s.base, r as during, false as said
                from raw_status s left join corrected c using (agent_id)
                cross join lateral unnest(
                    tstzmultirange(tstzrange(s.started_at, greatest(s.started_at, least(s.ended_at, $2)))) - coalesce(c.all_of, '{}')) r
            union all
            select agent_id, status_id, base, r, true from effective cross join lateral unnest(said) r
        ), episode as (
            select *, count(*) filter (where begins) over (partition by agent_id order by lower(during)) as n from (
                select *, coalesce(not (
                        (said or lag(said) over follows) and lag(upper(during)) over follows = lower(during)
                        and lag(status_id) over follows = status_id and lag(base) over follows = base
                    ), true) as begins
                    from piece window follows as (partition by agent_id order by lower(during))
            ) x
        ), status as (
            select agent_id, min(status_id) as status_id, min(base) as base, tstzrange(min(lower(during)), max(upper(during))) as during
                from episode group by agent_id, n
        ), raw_login as (
            select agent_id, range_agg(tstzrange(started_at, greatest(started_at, least(ended_at, $2)))) as during from (
                select agent_id, started_at, ended_at from presence_v3.login_interval
                union all
                select agent_id, (state #>> '{login,start,at}')::timestamptz, $2 from agent where state ? 'login'
            ) l group by agent_id
        ), login as (
            select a.agent_id, coalesce(l.during, '{}') - coalesce(c.all_of, '{}') + coalesce(
                    (select range_agg(e.said) from effective e where e.agent_id = a.agent_id and e.base <> 'offline'), '{}') as during
                from agent a left join raw_login l using (agent_id) left join corrected c using (agent_id)
        ), session as (
            select agent_id, conversation_id, channel, created_at, outbound, outcome, ended_by, assigned_at, accepted_at, wrap_up_at, ended_at,
                coalesce((
                    select range_agg(tstzrange(w.started_at, w.ended_at)) from presence_v3.session_wait w
                    where w.agent_id = s.agent_id and w.session_version = s.assigned_version
                ), '{}') as waits
                from presence_v3.session s
            union all
            select agent_id, o ->> 'conversationId', o ->> 'channel', (o ->> 'createdAt')::timestamptz, (o ->> 'outbound')::boolean, o ->> 'outcome', o ->> 'endedBy',
                (o #>> '{assigned,at}')::timestamptz, (o #>> '{accepted,at}')::timestamptz, (o #>> '{wrapUp,at}')::timestamptz, null,
                coalesce((
                    select range_agg(tstzrange((w #>> '{start,at}')::timestamptz, coalesce((w #>> '{end,at}')::timestamptz, $2)))
                    from jsonb_array_elements(o -> 'waits') w
                ), '{}')
                from agent cross join lateral jsonb_each(state -> 'sessions') e (id, o)
        ), contact as (
            select agent_id, range_agg(
                    tstzmultirange(tstzrange(accepted_at, greatest(accepted_at, coalesce(least(ended_at, $2), $2)))) - waits) as during
                from session where accepted_at is not null group by agent_id
        ), capacity as (
            select agent_id, units_total, units_used, tstzrange(started_at, greatest(started_at, least(ended_at, $2))) as during
                from presence_v3.capacity_interval
            union all
            select agent_id, (state #>> '{capacity,unitsTotal}')::int, (state #>> '{capacity,unitsUsed}')::int,
                tstzrange((state #>> '{capacity,start,at}')::timestamptz, $2) from agent
        ), participation as (
            select agent_id, mode, started_at, ended_at from presence_v3.participation
            union all
            select agent_id, o ->> 'mode', (o #>> '{joined,at}')::timestamptz, null
                from agent cross join lateral jsonb_each(state -> 'participations') e (id, o)
        )
        """;

    private const string Functions = """
        create function pg_temp.ms(m tstzmultirange) returns bigint language sql as
            $$ select coalesce(sum(round(extract(epoch from upper(r) - lower(r)) * 1000)), 0)::bigint from unnest(m) r $$;
        create function pg_temp.ms(a timestamptz, b timestamptz) returns bigint language sql as
            $$ select greatest(0, round(extract(epoch from b - a) * 1000))::bigint $$;
        """;

    /// <summary>What adds up in the cells of an agent, by names of measures.</summary>
    private const string Sums = """
        select c.agent_id, c.bucket, jsonb_build_object(
            'Login', pg_temp.ms(l.during * b.here),
            'Available', st.available, 'Busy', st.busy, 'DoNotDisturb', st.dnd, 'Away', st.away, 'Offline', st.offline,
            'Online', st.online, 'Presented', se.presented, 'Engaged', se.engaged, 'Outbound', se.outbound, 'Undelivered', se.undelivered, 'Rejected', se.rejected, 'Missed', se.missed,
            'Abandoned', se.abandoned, 'ForceReleased', se.forced, 'Transferred', se.transferred,
            'Resolved', se.engaged_offers + se.rejected + se.missed, 'EngagedConversations', se.conversations,
            'TimeToAccept', se.to_accept, 'TimesToAccept', se.offers_accepted_ended, 'TimeToReject', se.to_reject, 'TimesToReject', se.rejected,
            'Wait', se.waited, 'Waits', se.with_wait, 'SessionTime', se.session_time, 'SessionsEnded', se.accepted_ended,
            'Handle', se.handle, 'Handled', se.accepted_ended, 'WrapUp', se.wrap_up, 'WrapUps', se.wrap_ups,
            'ConsultsJoined', pa.consults, 'Consult', pa.consult, 'ConsultsLeft', pa.consults_left,
            'MonitorsJoined', pa.monitors, 'Monitor', pa.monitor, 'MonitorsLeft', pa.monitors_left,
            'OnContact', pg_temp.ms(coalesce(k.during, '{}') * l.during * b.here),
            'Idle', pg_temp.ms(st.free - coalesce(k.during, '{}')),
            'OnContactOrIdle', pg_temp.ms(coalesce(k.during, '{}') * l.during * b.here) + pg_temp.ms(st.free - coalesce(k.during, '{}')),
            'AtCapacity', ca.full_time, 'UnitsUsed', ca.used, 'UnitsTime', ca.time)::text,
            (select coalesce(jsonb_object_agg(status_id, jsonb_build_array(ms, episodes, least_ms, most_ms)), '{}') from (
                select s.status_id, sum(m.ms) as ms, count(*) as episodes, min(m.ms) as least_ms, max(m.ms) as most_ms
                    from status s cross join lateral (select pg_temp.ms(tstzmultirange(s.during) * b.here) as ms) m
                    where s.agent_id = c.agent_id and m.ms > 0 group by s.status_id
            ) by_status)::text
        from cell c
        join login l using (agent_id)
        left join contact k using (agent_id)
        cross join lateral (select tstzmultirange(tstzrange(c.begins, c.ends)) as here) b
        cross join lateral (
            select coalesce(sum(ms) filter (where base = 'available'), 0) as available, coalesce(sum(ms) filter (where base = 'busy'), 0) as busy,
                coalesce(sum(ms) filter (where base = 'do-not-disturb'), 0) as dnd, coalesce(sum(ms) filter (where base = 'away'), 0) as away,
                coalesce(sum(ms) filter (where base = 'offline'), 0) as offline, coalesce(sum(ms) filter (where base <> 'offline'), 0) as online,
                coalesce(range_agg(part) filter (where base = 'available'), '{}') as free
            from (
                select s.base, tstzmultirange(s.during) * b.here as part, pg_temp.ms(tstzmultirange(s.during) * b.here) as ms
                    from status s where s.agent_id = c.agent_id
            ) parts
        ) st
        cross join lateral (
            select count(*) filter (where c.begins <= assigned_at and assigned_at < c.ends and not outbound and outcome is distinct from 'undelivered')
                    as presented,
                count(*) filter (where c.begins <= assigned_at and assigned_at < c.ends and outbound) as outbound,
                count(*) filter (where here and outcome = 'undelivered') as undelivered,
                count(*) filter (where c.begins <= accepted_at and accepted_at < c.ends and not outbound) as engaged_offers,
                count(*) filter (where here and accepted_at is not null and not outbound) as offers_accepted_ended,
                count(*) filter (where c.begins <= accepted_at and accepted_at < c.ends) as engaged,
                count(distinct conversation_id) filter (where c.begins <= accepted_at and accepted_at < c.ends) as conversations,
                count(*) filter (where here and outcome = 'rejected') as rejected,
                count(*) filter (where here and outcome = 'missed') as missed,
                count(*) filter (where here and outcome = 'abandoned') as abandoned,
                count(*) filter (where here and ended_by = 'force-released') as forced,
                count(*) filter (where here and ended_by = 'transferred') as transferred,
                count(*) filter (where here and accepted_at is not null) as accepted_ended,
                coalesce(sum(pg_temp.ms(assigned_at, accepted_at)) filter (where here and not outbound), 0) as to_accept,
                coalesce(sum(pg_temp.ms(assigned_at, ended_at)) filter (where here and outcome = 'rejected'), 0) as to_reject,
                coalesce(sum(pg_temp.ms(created_at, accepted_at)) filter (where here and created_at <= accepted_at + interval '5 s'), 0) as waited,
                count(*) filter (where here and created_at <= accepted_at + interval '5 s') as with_wait,
                coalesce(sum(pg_temp.ms(accepted_at, ended_at)) filter (where here), 0) as session_time,
                coalesce(sum(pg_temp.ms(tstzmultirange(tstzrange(accepted_at, ended_at)) - waits)) filter (where here and accepted_at is not null), 0)
                    as handle,
                coalesce(sum(pg_temp.ms(wrap_up_at, ended_at)) filter (where here), 0) as wrap_up,
                count(*) filter (where here and wrap_up_at is not null) as wrap_ups
            from (select *, coalesce(c.begins <= ended_at and ended_at < c.ends, false) as here from session s where s.agent_id = c.agent_id) x
        ) se
        cross join lateral (
            select count(*) filter (where mode = 'consult' and c.begins <= started_at and started_at < c.ends) as consults,
                count(*) filter (where mode = 'monitor' and c.begins <= started_at and started_at < c.ends) as monitors,
                coalesce(sum(pg_temp.ms(started_at, ended_at)) filter (where mode = 'consult' and here), 0) as consult,
                count(*) filter (where mode = 'consult' and here) as consults_left,
                coalesce(sum(pg_temp.ms(started_at, ended_at)) filter (where mode = 'monitor' and here), 0) as monitor,
                count(*) filter (where mode = 'monitor' and here) as monitors_left
            from (
                select *, coalesce(c.begins <= ended_at and ended_at < c.ends, false) as here from participation p where p.agent_id = c.agent_id
            ) x
        ) pa
        cross join lateral (
            select coalesce(sum(ms) filter (where units_used >= units_total), 0) as full_time, coalesce(sum(ms * units_used), 0) as used,
                coalesce(sum(ms), 0) as time
            from (
                select units_total, units_used, pg_temp.ms(tstzmultirange(during) * l.during * b.here) as ms
                    from capacity p where p.agent_id = c.agent_id
            ) x
        ) ca
        order by c.agent_id, c.bucket
        """;

    /// <summary>What agents did, by agent and bucket: each measure by its name, and each status with milliseconds, episodes, shortest and longest.</summary>
    public static async Task<IReadOnlyDictionary<(string AgentId, int Bucket), OracleCell>> RunAsync(
        string connectionString,
        IReadOnlyList<DateTimeOffset> edges,
        DateTimeOffset asOf,
        bool corrected
    )
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using (var functions = new NpgsqlCommand(Functions, connection))
            await functions.ExecuteNonQueryAsync();
        await using var command = new NpgsqlCommand(Facts + "\n" + Sums, connection);
        command.Parameters.Add(
            new() { Value = edges.Select(e => e.UtcDateTime).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz }
        );
        command.Parameters.Add(new() { Value = asOf.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = corrected });
        await using var reader = await command.ExecuteReaderAsync();
        var cells = new Dictionary<(string, int), OracleCell>();
        while (await reader.ReadAsync())
        {
            var sums = JsonSerializer.Deserialize<Dictionary<string, long>>(reader.GetString(2))!;
            var statuses = JsonSerializer.Deserialize<SortedDictionary<string, long[]>>(reader.GetString(3))!;
            cells[(reader.GetString(0), (int)reader.GetInt64(1))] = new OracleCell(sums, statuses);
        }
        return cells;
    }
}

/// <summary>What the oracle says of a cell.</summary>
internal sealed record OracleCell(IReadOnlyDictionary<string, long> Sums, IReadOnlyDictionary<string, long[]> Statuses);
