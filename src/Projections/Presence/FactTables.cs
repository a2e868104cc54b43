namespace PresenceLedger.Projections.Presence;

/// <summary>
/// The tables of the facts under the reports, one row for each that has ended. Facts are only ever added, in the order of the log. Each edge
/// has three columns: when it was, since when that is known, and the event's version.
/// </summary>
internal static class FactTables
{
    public static string Sql(string schema) =>
        $"""
            create table {schema}.status_interval (
                agent_id text collate "C" not null,
                status_id text not null,
                base text not null,
                origin text not null,
                rule text,
                actor_kind text,
                actor_id text,
                signed_in boolean not null,
                started_at timestamptz not null,
                ended_at timestamptz not null,
                started_known_at timestamptz not null,
                ended_known_at timestamptz not null,
                started_version bigint not null,
                ended_version bigint not null
            );

            create table {schema}.login_interval (
                agent_id text collate "C" not null,
                ended text not null,
                started_at timestamptz not null,
                ended_at timestamptz not null,
                started_known_at timestamptz not null,
                ended_known_at timestamptz not null,
                started_version bigint not null,
                ended_version bigint not null
            );

            create table {schema}.session (
                agent_id text collate "C" not null,
                conversation_id text not null,
                channel text,
                queue text,
                workstream text,
                units int not null,
                profiles text[] not null,
                created_at timestamptz,
                outbound boolean not null,
                outcome text,
                ended_by text,
                waits int not null,
                assigned_at timestamptz not null,
                accepted_at timestamptz,
                wrap_up_at timestamptz,
                block_ended_at timestamptz,
                ended_at timestamptz not null,
                assigned_known_at timestamptz not null,
                accepted_known_at timestamptz,
                wrap_up_known_at timestamptz,
                block_ended_known_at timestamptz,
                ended_known_at timestamptz not null,
                assigned_version bigint not null,
                accepted_version bigint,
                wrap_up_version bigint,
                block_ended_version bigint,
                ended_version bigint not null
            );

            create table {schema}.session_wait (
                agent_id text collate "C" not null,
                session_version bigint not null,
                started_at timestamptz not null,
                ended_at timestamptz not null,
                started_known_at timestamptz not null,
                ended_known_at timestamptz not null,
                started_version bigint not null,
                ended_version bigint not null
            );

            create table {schema}.participation (
                agent_id text collate "C" not null,
                conversation_id text not null,
                mode text not null,
                started_at timestamptz not null,
                ended_at timestamptz not null,
                started_known_at timestamptz not null,
                ended_known_at timestamptz not null,
                started_version bigint not null,
                ended_version bigint not null
            );

            create table {schema}.capacity_interval (
                agent_id text collate "C" not null,
                units_total int,
                units_used int not null,
                profiles json,
                started_at timestamptz not null,
                ended_at timestamptz not null,
                started_known_at timestamptz not null,
                ended_known_at timestamptz not null,
                started_version bigint not null,
                ended_version bigint not null
            );

            create table {schema}.queue_interval (
                agent_id text collate "C" not null,
                queues text[] not null,
                started_at timestamptz not null,
                ended_at timestamptz not null,
                started_known_at timestamptz not null,
                ended_known_at timestamptz not null,
                started_version bigint not null,
                ended_version bigint not null
            );

            create table {schema}.correction (
                agent_id text collate "C" not null,
                from_at timestamptz not null,
                to_at timestamptz not null,
                status_id text not null,
                base text not null,
                actor_kind text,
                actor_id text,
                recorded_at timestamptz not null,
                known_at timestamptz not null,
                version bigint not null
            );

            """;

    /// <summary>
    /// What ended within a window is next to each other in the index, with what a report needs of it: a report of a month reads a
    /// month of these, whatever there is before and after.
    /// </summary>
    public static string IndexesSql(string schema) =>
        $"""
            create index on {schema}.status_interval (agent_id, ended_at) include (started_at, status_id, base);
            create index on {schema}.login_interval (agent_id, ended_at);
            create index on {schema}.session (agent_id, ended_at) include (
                assigned_at, accepted_at, wrap_up_at, created_at, conversation_id, channel, queue, workstream, outbound, outcome, ended_by, waits,
                assigned_version
            );
            create index on {schema}.session (agent_id, ended_at) where ended_at - assigned_at > interval '1 day';
            create index on {schema}.session_wait (agent_id, session_version);
            create index on {schema}.participation (agent_id, ended_at);
            create index on {schema}.capacity_interval (agent_id, ended_at) include (started_at, units_total, units_used);
            create index on {schema}.queue_interval (agent_id, ended_at);
            create index on {schema}.correction (agent_id, version);

            """;
}
