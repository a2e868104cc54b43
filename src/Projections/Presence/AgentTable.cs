using Npgsql;
using PresenceLedger.Domain.Agents;
using PresenceLedger.Ledger.Events;
using PresenceLedger.Ledger.Postgres;

namespace PresenceLedger.Projections.Presence;

/// <summary>The table <c>agent</c>: a row for each agent with what goes on now as JSON, and beside it what lists are filtered by.</summary>
internal static class AgentTable
{
    // What is written as it is; behind it come the lists, each split from one text.
    private const string Written = "agent_id, version, registered_at, base, status_id, signed_in, open_sessions, disputing, state";

    public static string Sql(string schema) =>
        $"""
            create table {schema}.agent (
                agent_id text collate "C" primary key,
                version bigint not null,
                registered_at timestamptz not null,
                base text not null,
                status_id text not null,
                signed_in boolean not null,
                open_sessions int not null,
                queues text[] not null,
                skills text[] not null,
                profiles text[] not null,
                disputing boolean not null,
                state json not null
            ) with (fillfactor = 70);

            """;

    public static string IndexesSql(string schema) =>
        $"""
            create index agent_queues on {schema}.agent using gin (queues);
            create index agent_skills on {schema}.agent using gin (skills);
            create index agent_disputes on {schema}.agent (agent_id) where disputing;

            """;

    /// <summary>Writes what goes on with some agents now, over what went on before.</summary>
    public static async Task WriteAsync(
        NpgsqlConnection connection,
        string schema,
        IReadOnlyCollection<OpenFacts> agents,
        CancellationToken ct
    )
    {
        OpenFacts[] rows = [.. agents];
        await using var command = new NpgsqlCommand(
            $"""
            insert into {schema}.agent ({Written}, queues, skills, profiles)
                select {Written}, string_to_array(queues, E'\x1f'), string_to_array(skills, E'\x1f'), string_to_array(profiles, E'\x1f')
                from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as t ({Written}, queues, skills, profiles)
                order by t.agent_id collate "C"
                on conflict (agent_id) do update set version = excluded.version, base = excluded.base, status_id = excluded.status_id,
                    signed_in = excluded.signed_in, open_sessions = excluded.open_sessions, queues = excluded.queues,
                    skills = excluded.skills, profiles = excluded.profiles, disputing = excluded.disputing, state = excluded.state
            """,
            connection
        );
        command.Parameters.AddColumn(rows, o => o.Agent.AgentId);
        command.Parameters.AddColumn(rows, o => o.Agent.Version);
        command.Parameters.AddColumn(rows, o => o.Registered.At);
        command.Parameters.AddColumn(rows, o => Words.Of(o.Status.Base));
        command.Parameters.AddColumn(rows, o => o.Status.StatusId);
        command.Parameters.AddColumn(rows, o => o.Agent.SignedIn);
        command.Parameters.AddColumn(rows, o => o.Sessions.Count);
        command.Parameters.AddColumn(rows, o => o.Agent.Disputes is not null);
        command.Parameters.AddJsonColumn(rows, o => LedgerJson.Write(o));
        command.Parameters.AddColumn(rows, o => Joined(o.Agent.Settings.Queues));
        command.Parameters.AddColumn(rows, o => Joined(SkillsOf(o.Agent)));
        command.Parameters.AddColumn(rows, o => Joined(ProfilesOf(o.Agent)));
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>What the column <c>skills</c> has.</summary>
    public static IEnumerable<string> SkillsOf(Agent agent) => agent.Settings.Skills.Select(s => s.Name);

    /// <summary>What the column <c>profiles</c> has: those that the agent has, and those that the day is counted of.</summary>
    public static IEnumerable<string> ProfilesOf(Agent agent) =>
        agent.Settings.Profiles.Keys.Union(agent.DayCounts.Keys, StringComparer.Ordinal);

    /// <summary>Lists of different lengths: an array of arrays would have to be a rectangle. No identifier has this character.</summary>
    private static string Joined(IEnumerable<string> names) => string.Join('\u001f', names);
}
