using System.Diagnostics;
using Npgsql;

namespace PresenceLedger.Benchmarks;

/// <summary>
/// What somebody would write who had only a database: tables of intervals and sessions with indexes by agent and time, filled from
/// the facts, and one statement that gives the numbers of the report, the same ones.
/// </summary>
internal sealed class PlainReports(NpgsqlDataSource database)
{
    /// <summary>The tables, ended facts and those that go on alike.</summary>
    private const string Tables = """
        drop schema if exists plain cascade;
        create schema plain;
        create table plain.status as
            select agent_id, status_id, base, started_at, ended_at from presence_v3.status_interval
            union all select agent_id, state #>> '{status,statusId}', state #>> '{status,base}', (state #>> '{status,start,at}')::timestamptz, null
                from presence_v3.agent;
        create table plain.login as
            select agent_id, started_at, ended_at from presence_v3.login_interval
            union all select agent_id, (state #>> '{login,start,at}')::timestamptz, null from presence_v3.agent where state -> 'login' is not null;
        create table plain.session as
            select s.agent_id, conversation_id, created_at, outcome, ended_by, assigned_at, accepted_at, wrap_up_at, s.ended_at,
                coalesce(w.waited, interval '0') as waited, coalesce(w.waits, '{}') as waits
                from presence_v3.session s
                left join (
                    select agent_id, session_version, sum(ended_at - started_at) as waited, range_agg(tstzrange(started_at, ended_at)) as waits
                        from presence_v3.session_wait group by agent_id, session_version
                ) w on w.agent_id = s.agent_id and w.session_version = s.assigned_version
            union all
            select agent_id, o ->> 'conversationId', (o ->> 'createdAt')::timestamptz, o ->> 'outcome', null, (o #>> '{assigned,at}')::timestamptz,
                (o #>> '{accepted,at}')::timestamptz, (o #>> '{wrapUp,at}')::timestamptz, null, interval '0', '{}'
                from presence_v3.agent cross join lateral json_each(state -> 'sessions') e (id, o);
        create table plain.capacity as
            select agent_id, units_total, units_used, started_at, ended_at from presence_v3.capacity_interval
            union all select agent_id, (state #>> '{capacity,unitsTotal}')::int, (state #>> '{capacity,unitsUsed}')::int,
                (state #>> '{capacity,start,at}')::timestamptz, null from presence_v3.agent;
        create table plain.participation as select agent_id, mode, started_at, ended_at from presence_v3.participation;
        create index on plain.status (agent_id, started_at);
        create index on plain.login (agent_id, started_at);
        create index on plain.session (agent_id, assigned_at);
        create index on plain.capacity (agent_id, started_at);
        create index on plain.participation (agent_id, started_at);
        """;

    /// <summary>$AGENTS, $FROM, $TO, $STEP and $ASOF are put in: COPY takes no parameters.</summary>
    private const string Report = """
        with agents as materialized (
            $AGENTS
        ), status as (
            select s.agent_id, s.status_id, s.base, greatest(s.started_at, $FROM) as a, least(coalesce(s.ended_at, $ASOF), $TO, $ASOF) as b
                from plain.status s join agents using (agent_id)
                where s.started_at < $TO and (s.ended_at > $FROM or s.ended_at is null)
        ), login as (
            select l.agent_id, greatest(l.started_at, $FROM) as a, least(coalesce(l.ended_at, $ASOF), $TO, $ASOF) as b
                from plain.login l join agents using (agent_id)
                where l.started_at < $TO and (l.ended_at > $FROM or l.ended_at is null)
        ), session as (
            select s.* from plain.session s join agents using (agent_id)
                where s.assigned_at < $TO and (s.ended_at >= $FROM or s.ended_at is null)
        ), contact as (
            select agent_id, unnest(range_agg(tstzmultirange(tstzrange(accepted_at, coalesce(ended_at, $ASOF))) - waits)) as r
                from session where accepted_at is not null group by agent_id
        ), capacity as (
            select c.agent_id, c.units_total, c.units_used, greatest(c.started_at, l.a) as a, least(coalesce(c.ended_at, $ASOF), l.b) as b
                from plain.capacity c join agents using (agent_id)
                join login l on l.agent_id = c.agent_id and l.a < coalesce(c.ended_at, $ASOF) and l.b > c.started_at
                where c.started_at < $TO and (c.ended_at > $FROM or c.ended_at is null)
        ), pieces as (
            select agent_id, base as kind, a, b, 1 as factor from status
            union all select agent_id, 'login', a, b, 1 from login
            union all select c.agent_id, 'contact', greatest(lower(c.r), l.a), least(upper(c.r), l.b), 1
                from contact c join login l on l.agent_id = c.agent_id and l.a < upper(c.r) and l.b > lower(c.r)
            union all select c.agent_id, 'contact-free', greatest(lower(c.r), s.a), least(upper(c.r), s.b), 1
                from contact c join status s on s.agent_id = c.agent_id and s.base = 'available' and s.a < upper(c.r) and s.b > lower(c.r)
            union all select agent_id, 'units', a, b, units_used from capacity
            union all select agent_id, 'full', a, b, 1 from capacity where units_used >= units_total
        ), cut as (
            select p.agent_id, bucket, kind, factor, least(p.b, bucket + interval '$STEP') - greatest(p.a, bucket) as d
                from pieces p
                cross join lateral generate_series(date_bin('$STEP', p.a, timestamptz '2000-01-01 00:00Z'), p.b - interval '1 millisecond', interval '$STEP') bucket
                where p.a < p.b
        ), availability as (
            select agent_id, bucket,
                sum(d) filter (where kind = 'login') as login,
                sum(d) filter (where kind = 'available') as available, sum(d) filter (where kind = 'busy') as busy,
                sum(d) filter (where kind = 'do-not-disturb') as dnd, sum(d) filter (where kind = 'away') as away,
                sum(d) filter (where kind = 'offline') as offline, sum(d) filter (where kind in ('available', 'busy', 'do-not-disturb', 'away')) as online,
                sum(d) filter (where kind = 'contact') as on_contact,
                coalesce(sum(d) filter (where kind = 'available'), '0') - coalesce(sum(d) filter (where kind = 'contact-free'), '0') as idle,
                sum(d) filter (where kind = 'full') as at_capacity, sum(d * factor) filter (where kind = 'units') as unit_time,
                sum(d) filter (where kind = 'units') as units_time
                from cut group by agent_id, bucket
        ), by_status as (
            select agent_id, bucket, jsonb_object_agg(status_id, jsonb_build_array(total, episodes, least_d, most_d)) as statuses from (
                select s.agent_id, bucket, s.status_id, extract(epoch from sum(d)) as total, count(*) as episodes,
                    extract(epoch from min(d)) as least_d, extract(epoch from max(d)) as most_d
                    from status s
                    cross join lateral generate_series(date_bin('$STEP', s.a, timestamptz '2000-01-01 00:00Z'), s.b - interval '1 millisecond', interval '$STEP') bucket
                    cross join lateral (select least(s.b, bucket + interval '$STEP') - greatest(s.a, bucket) as d) x
                    where s.a < s.b
                    group by s.agent_id, bucket, s.status_id
            ) each_status group by agent_id, bucket
        ), instants as (
            select date_bin('$STEP', assigned_at, timestamptz '2000-01-01 00:00Z') as bucket, 'presented' as what, s.* from session s
                where assigned_at >= $FROM and assigned_at < $TO
            union all select date_bin('$STEP', accepted_at, timestamptz '2000-01-01 00:00Z'), 'engaged', s.* from session s
                where accepted_at >= $FROM and accepted_at < $TO
            union all select date_bin('$STEP', ended_at, timestamptz '2000-01-01 00:00Z'), 'ended', s.* from session s
                where ended_at >= $FROM and ended_at < $TO
        ), sessions as (
            select i.agent_id, bucket,
                count(*) filter (where what = 'presented') as presented, count(*) filter (where what = 'engaged') as engaged,
                count(distinct conversation_id) filter (where what = 'engaged') as conversations,
                count(*) filter (where what = 'ended' and outcome = 'rejected') as rejected,
                count(*) filter (where what = 'ended' and outcome = 'missed') as missed,
                count(*) filter (where what = 'ended' and outcome = 'abandoned') as abandoned,
                count(*) filter (where what = 'ended' and ended_by = 'force-released') as forced,
                count(*) filter (where what = 'ended' and ended_by = 'transferred') as transferred,
                count(*) filter (where what = 'ended' and accepted_at is not null) as handled,
                sum(accepted_at - assigned_at) filter (where what = 'ended') as to_accept,
                sum(ended_at - assigned_at) filter (where what = 'ended' and outcome = 'rejected') as to_reject,
                sum(accepted_at - created_at) filter (where what = 'ended') as wait,
                count(accepted_at - created_at) filter (where what = 'ended') as waits,
                sum(ended_at - accepted_at) filter (where what = 'ended') as session_time,
                sum(ended_at - accepted_at - waited) filter (where what = 'ended') as handle,
                sum(ended_at - wrap_up_at) filter (where what = 'ended') as wrap_up,
                count(wrap_up_at) filter (where what = 'ended') as wrap_ups
                from instants i group by i.agent_id, bucket
        ), participations as (
            select p.agent_id, date_bin('$STEP', p.ended_at, timestamptz '2000-01-01 00:00Z') as bucket, count(*) filter (where mode = 'consult') as consults,
                sum(ended_at - started_at) filter (where mode = 'consult') as consult, count(*) filter (where mode = 'monitor') as monitors,
                sum(ended_at - started_at) filter (where mode = 'monitor') as monitor
                from plain.participation p join agents using (agent_id) where p.ended_at >= $FROM and p.ended_at < $TO
                group by p.agent_id, date_bin('$STEP', p.ended_at, timestamptz '2000-01-01 00:00Z')
        )
        select * from availability left join by_status using (agent_id, bucket) left join sessions using (agent_id, bucket)
            left join participations using (agent_id, bucket) order by agent_id, bucket
        """;

    private const string Statuses = """
        select s.agent_id, bucket, s.status_id, sum(least(s.b, bucket + interval '$STEP') - greatest(s.a, bucket)), count(*)
            from (
                select agent_id, status_id, greatest(started_at, $FROM) as a, least(coalesce(ended_at, $ASOF), $TO, $ASOF) as b
                    from plain.status join ($AGENTS) agents using (agent_id)
                    where started_at < $TO and (ended_at > $FROM or ended_at is null)
            ) s
            cross join lateral generate_series(date_bin('$STEP', s.a, timestamptz '2000-01-01 00:00Z'), s.b - interval '1 millisecond', interval '$STEP') bucket
            where s.a < s.b group by s.agent_id, bucket, s.status_id order by s.agent_id, bucket
        """;

    /// <summary>Makes the tables.</summary>
    public async Task FillAsync()
    {
        await using var command = database.CreateCommand(Tables);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
        await using var vacuum = database.CreateCommand("vacuum (analyze)");
        vacuum.CommandTimeout = 0;
        await vacuum.ExecuteNonQueryAsync();
    }

    /// <summary>Runs the statement, as CSV from the server.</summary>
    public Task<Fetched> RunAsync(string agents, DateTimeOffset from, DateTimeOffset to, DateTimeOffset asOf, Bucket bucket) =>
        RunAsync(Report, agents, from, to, asOf, bucket);

    /// <summary>Only the time by status: a small part of the report, and about the least that SQL can be asked for.</summary>
    public Task<Fetched> RunStatusesAsync(string agents, DateTimeOffset from, DateTimeOffset to, DateTimeOffset asOf, Bucket bucket) =>
        RunAsync(Statuses, agents, from, to, asOf, bucket);

    private async Task<Fetched> RunAsync(
        string report,
        string agents,
        DateTimeOffset from,
        DateTimeOffset to,
        DateTimeOffset asOf,
        Bucket bucket
    )
    {
        var sql = report
            .Replace("$AGENTS", agents, StringComparison.Ordinal)
            .Replace("$FROM", Literal(from), StringComparison.Ordinal)
            .Replace("$TO", Literal(to), StringComparison.Ordinal)
            .Replace("$ASOF", Literal(asOf), StringComparison.Ordinal)
            .Replace("$STEP", bucket.Step, StringComparison.Ordinal);
        await using var connection = await database.OpenConnectionAsync();
        await using (var room = new NpgsqlCommand("set work_mem = '512MB'; set jit = off", connection))
            await room.ExecuteNonQueryAsync();
        var began = Stopwatch.GetTimestamp();
        using var csv = await connection.BeginTextExportAsync($"copy ({sql}) to stdout (format csv)");
        return await Fetched.ReadAsync(csv, began);
    }

    private static string Literal(DateTimeOffset at) => $"timestamptz '{at:yyyy-MM-dd HH:mm:ss.fff}Z'";
}

/// <summary>A length of buckets, as the API and as SQL has it.</summary>
internal sealed record Bucket(string Name, string Step)
{
    public static Bucket Quarter { get; } = new("15m", "15 minutes");
    public static Bucket Hour { get; } = new("hour", "1 hour");
    public static Bucket Day { get; } = new("day", "1 day");
}

/// <summary>How long an answer took, and how much it was.</summary>
internal sealed record Fetched(TimeSpan FirstByte, TimeSpan Total, long Lines, long Characters)
{
    public static async Task<Fetched> ReadAsync(TextReader reader, long began)
    {
        var buffer = new char[65536];
        var first = TimeSpan.Zero;
        var (lines, characters) = (0L, 0L);
        while (await reader.ReadAsync(buffer) is > 0 and var count)
        {
            if (characters == 0)
                first = Stopwatch.GetElapsedTime(began);
            characters += count;
            lines += buffer.AsSpan(0, count).Count('\n');
        }
        return new Fetched(first, Stopwatch.GetElapsedTime(began), lines, characters);
    }
}
