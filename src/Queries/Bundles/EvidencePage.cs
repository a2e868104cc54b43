using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using PresenceLedger.Contracts;
using PresenceLedger.Ledger;
using PresenceLedger.Queries.Timeline;

namespace PresenceLedger.Queries.Bundles;

/// <summary>The timeline of a bundle, for people: one page, with nothing from elsewhere, fit to be printed.</summary>
public static class EvidencePage
{
    private const string Style = """
        body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1a1a1a; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #ccc; }
        td.at, td.hash { font-family: ui-monospace, monospace; font-size: 12px; white-space: nowrap; }
        .small { color: #555; font-size: 12px; }
        .unsealed { color: #a00000; }
        @media print { body { margin: 0; font-size: 11px; } thead { display: table-header-group; } tr { break-inside: avoid; } }
        """;

    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    /// <summary>An event with what is told of it.</summary>
    public sealed record Entry(TimelineEntry Told, long? Seal);

    /// <summary>The page.</summary>
    public static string Write(
        string agentId,
        DateTimeOffset? from,
        DateTimeOffset? until,
        DateTimeOffset now,
        IReadOnlyList<Entry> entries
    )
    {
        var html = new StringBuilder();
        var title = Encoder.Encode($"Evidence on agent {agentId}");
        html.Append(
            CultureInfo.InvariantCulture,
            $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>{title}</title>
            <style>
            {Style}
            </style>
            </head>
            <body>
            <h1>{title}</h1>
            <p>{(from is { } f ? "From " + Instant.Format(f) : "From the beginning")} {(
                until is { } u ? "until " + Instant.Format(u) : "until now"
            )}:
            {entries.Count} events. Written at {Instant.Format(
                now
            )}. All instants are UTC. This page is for reading; what proves it is in the other
            files, and how is in README.md.</p>
            <table>
            <thead><tr><th>#</th><th>When</th><th>What, and why</th><th>Who</th><th>Rule</th><th>Seal</th><th>Hash</th></tr></thead>
            <tbody>

            """
        );
        foreach (var (told, seal) in entries)
        {
            var reason = string.Join(
                ": ",
                new[] { told.Reason?.Code, told.Reason?.Text ?? WhyNoText(told) }.Where(t => !string.IsNullOrEmpty(t))
            );
            html.Append(
                CultureInfo.InvariantCulture,
                $"""
                <tr><td>{told.Version}</td>
                <td class="at">{Instant.Format(told.OccurredAt)}<div class="small">recorded {Instant.Format(told.RecordedAt)}</div></td>
                <td>{Encoder.Encode(told.Explanation)}<div class="small">{Encoder.Encode(told.Type)}{(
                    reason.Length > 0 ? ", reason: " + Encoder.Encode(reason) : ""
                )}</div></td>
                <td>{Encoder.Encode(told.Actor.ToString())}</td>
                <td>{Encoder.Encode(told.Rule ?? "")}</td>
                <td>{(
                    seal is { } number ? number.ToString(CultureInfo.InvariantCulture) : "<span class=\"unsealed\">not sealed yet</span>"
                )}</td>
                <td class="hash">{told.Hash[..16]}…</td></tr>

                """
            );
        }
        return html.Append("</tbody>\n</table>\n</body>\n</html>\n").ToString();
    }

    private static string? WhyNoText(TimelineEntry told) => told.Reason?.WhyNoText is { } why ? Wording.English.Say(why, id => id) : null;
}
