using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;
using NodaTime;
using PresenceLedger.Api.Reports;
using PresenceLedger.Testing;
using static PresenceLedger.Api.Tests.OpenService;
using CsvWriter = PresenceLedger.Api.Reports.CsvWriter;

namespace PresenceLedger.Api.Tests.Reports;

/// <summary>CSV as people get it: it opens in their spreadsheet, reads as their clock shows, and nothing in it is run.</summary>
[Collection(OpenServiceCollection.Name)]
public sealed class CsvTests(OpenService service)
{
    private const string Now = "from=2020-01-01&to=2100-01-01&bucket=total";

    private readonly ServiceClient _client = service.Client;

    [Theory]
    [InlineData("=1+1")]
    [InlineData("+1+1")]
    [InlineData("-1+1")]
    [InlineData("@SUM(1)")]
    [InlineData("\n=1+1")]
    [InlineData("\r\n=1+1")]
    [InlineData(" =1+1")]
    [InlineData("\u00A0\u3000=1+1")]
    [InlineData("\u200B\uFEFF=1+1")]
    [InlineData("\u0001=1+1")]
    [InlineData("＝1+1")]
    [InlineData("　＝1+1")]
    [InlineData("＋1+1")]
    [InlineData("－1+1")]
    [InlineData("＠SUM(1)")]
    [InlineData("﹦1+1")]
    [InlineData("−1+1")]
    [InlineData("\tlunch")]
    [InlineData("\rlunch")]
    [InlineData("\nlunch")]
    [InlineData("=cmd|' /C calc'!A0\"")]
    public void A_text_that_a_spreadsheet_would_take_for_a_formula_is_a_text(string text)
    {
        var written = Written(CsvStyle.Plain, csv => csv.Text(text));
        Assert.StartsWith("\"'", written, StringComparison.Ordinal);
        Assert.Equal("'" + text, Assert.Single(Assert.Single(Parse(written))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("lunch, \"long\"; or\r\nnot")]
    [InlineData(" lunch ")]
    [InlineData("1 = 1")]
    [InlineData("ana@home")]
    [InlineData("обед")]
    [InlineData("1-2")]
    public void Any_other_text_is_what_it_was(string text) =>
        Assert.Equal(text, Assert.Single(Assert.Single(Parse(Written(CsvStyle.Plain, csv => csv.Text(text)) + "\r\n"))));

    [Theory]
    [InlineData(",", ".", "-1.5,0,,'-1")]
    [InlineData(";", ".", "-1.5;0;;'-1")]
    [InlineData("|", ",", "-1,5|0||'-1")]
    [InlineData("tab", ",", "-1,5\t0\t\t'-1")]
    [InlineData(null, ",", "-1,5;0;;'-1")]
    [InlineData(null, null, "-1.5,0,,'-1")]
    public void Numbers_have_their_sign_and_the_decimal_that_was_asked_for(string? separator, string? decimalMark, string line)
    {
        Assert.Null(CsvStyle.Read(separator, decimalMark, DateTimeZone.Utc, out var style));
        var written = Written(
            style,
            csv =>
            {
                csv.Number(-1.5);
                csv.Number(0);
                csv.Number(null);
                csv.Text("-1");
            }
        );
        Assert.Equal(line, written.Replace("\"", "", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Europe/Berlin", "2025-03-29T23:00:00Z", "2025-03-30T00:00:00+01:00", "2025-03-30")]
    [InlineData("Europe/Berlin", "2025-03-30T01:00:00.250Z", "2025-03-30T03:00:00.25+02:00", "2025-03-30")]
    [InlineData("Asia/Kolkata", "2025-03-30T20:00:00Z", "2025-03-31T01:30:00+05:30", "2025-03-31")]
    [InlineData("America/Vancouver", "2025-01-06T05:23:00Z", "2025-01-05T21:23:00-08:00", "2025-01-05")]
    [InlineData("Etc/UTC", "2025-01-06T05:23:00Z", "2025-01-06T05:23:00+00:00", "2025-01-06")]
    public void Instants_are_what_the_clock_of_the_zone_showed(string zone, string at, string time, string date)
    {
        var instant = DateTimeOffset.Parse(at, CultureInfo.InvariantCulture);
        var style = CsvStyle.Plain with { Zone = DateTimeZoneProviders.Tzdb[zone] };
        Assert.Equal(time, style.Time(instant));
        Assert.Equal(date, style.Date(instant));
        Assert.Equal(instant, DateTimeOffset.Parse(style.Time(instant), CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task Parsers_of_others_read_the_reports_with_names_and_texts_beside_the_ids()
    {
        var lunch = service.NewId("lunch");
        await service.DoneAsync("PUT", "statuses/" + lunch, new { text = "＝At \"lunch\"; long", @base = "away" }, Administrator);
        var ana = await service.SignedInAsync(new { displayName = "=Ana, \"the\" first", units = 100 });
        await service.DoneAsync("PUT", $"agents/{ana}/presence", new { statusId = lunch }, "agent:" + ana);
        var position = await PositionAsync(ana);

        foreach (var separator in new[] { ",", ";", "|", "tab" })
        {
            var decimalMark = separator == "," ? "." : ",";
            var style = $"separator={Uri.EscapeDataString(separator)}&decimal={decimalMark}&timeZone=Asia/Tokyo&format=csv";
            var report = await BytesAsync($"reports/historical/agents?agents={ana}&{Now}&{style}", position);
            var history = await BytesAsync($"reports/historical/agents/{ana}/statuses?{style}", position);
            foreach (var file in new[] { report, history })
                Assert.Equal(Encoding.UTF8.GetPreamble(), file[..3]);

            var sign = separator == "tab" ? "\t" : separator;
            var rows = Parse(Encoding.UTF8.GetString(report[3..]), sign);
            Assert.Equal(rows, await PythonAsync(report, sign));
            var row = Assert.Single(Records(rows));
            Assert.Equal(ana, row["agentId"]);
            Assert.Equal("'=Ana, \"the\" first", row["displayName"]);
            Assert.Equal("2020-01-01", row["localDate"]);
            Assert.Equal("2020-01-01T00:00:00+09:00", row["bucketStart"]);
            Assert.Contains("statusSeconds.available", row.Keys);
            Assert.Contains($"statusSeconds.{lunch} (＝At \"lunch\"; long)", row.Keys);

            rows = Parse(Encoding.UTF8.GetString(history[3..]), sign);
            Assert.Equal(rows, await PythonAsync(history, sign));
            Assert.Equal(
                ["offline Offline", "available Available", $"{lunch} '＝At \"lunch\"; long"],
                Records(rows).Select(r => $"{r["statusId"]} {r["statusText"]}")
            );
            Assert.All(Records(rows), r => Assert.Equal("'=Ana, \"the\" first", r["displayName"]));
            Assert.All(Records(rows), r => Assert.EndsWith("+09:00", r["start"], StringComparison.Ordinal));
            Assert.All(Records(rows), r => Assert.Equal(r["start"][..10], r["localDate"]));
            Assert.All(
                Records(rows),
                r =>
                    Assert.True(
                        decimal.TryParse(
                            r["durationSeconds"].Replace(decimalMark, ".", StringComparison.Ordinal),
                            CultureInfo.InvariantCulture,
                            out _
                        )
                    )
            );
        }
    }

    [Fact]
    public async Task Columns_are_those_that_are_asked_for_in_their_order()
    {
        var ana = await service.AgentAsync(new { displayName = "Ana" });
        var position = await PositionAsync(ana);
        var report = await TextAsync(
            $"reports/historical/agents?agents={ana}&{Now}&format=csv&columns=displayName,loginSeconds,agentId",
            position
        );
        Assert.Equal($"displayName,loginSeconds,agentId\r\nAna,0,{ana}\r\n", report);

        var statuses = await TextAsync(
            $"reports/historical/agents?agents={ana}&{Now}&format=csv&statuses=away,busy&columns=statusSeconds,agentId",
            position
        );
        Assert.Equal($"statusSeconds.away,statusSeconds.busy,agentId\r\n0,0,{ana}\r\n", statuses);

        var history = await TextAsync($"reports/historical/agents/{ana}/statuses?format=csv&columns=statusText,end", position);
        Assert.Equal("statusText,end\r\nOffline,\r\n", history);
    }

    [Fact]
    public async Task The_name_of_a_person_who_was_erased_is_in_no_file()
    {
        var ana = await service.AgentAsync(new { displayName = "Ana Lovelace" });
        await service.DoneAsync("POST", $"agents/{ana}/erasure", new { reason = new { code = "art-17" } }, Administrator);
        var position = await PositionAsync(ana);
        foreach (
            var path in new[] { $"reports/historical/agents?agents={ana}&{Now}", $"reports/historical/agents/{ana}/statuses?timeZone=UTC" }
        )
        {
            var rows = Records(Parse(await TextAsync(path + "&format=csv", position)));
            Assert.NotEmpty(rows);
            Assert.All(rows, row => Assert.Equal("", row["displayName"]));
            Assert.All(rows, row => Assert.Equal(ana, row["agentId"]));
        }
    }

    [Theory]
    [InlineData("format=csv&separator=x", "separator")]
    [InlineData("format=csv&separator=", "separator")]
    [InlineData("format=csv&separator=,,", "separator")]
    [InlineData("format=csv&separator=%22", "separator")]
    [InlineData("format=csv&decimal=x", "decimal")]
    [InlineData("format=csv&decimal=;", "decimal")]
    [InlineData("format=csv&separator=,&decimal=,", "separator")]
    [InlineData("format=csv&columns=", "columns")]
    [InlineData("format=csv&columns=,", "columns")]
    [InlineData("format=csv&columns=nothing", "columns")]
    [InlineData("format=csv&columns=agentId,agentId", "columns")]
    [InlineData("format=ndjson&separator=,", "separator")]
    [InlineData("format=json&decimal=.", "decimal")]
    [InlineData("columns=agentId", "columns")]
    [InlineData("format=csv&timeZone=Mars/Olympus", "timeZone")]
    public async Task What_cannot_be_written_so_is_refused_by_the_name_of_the_parameter(string style, string field)
    {
        var ana = await service.AgentAsync();
        foreach (
            var path in new[] { $"reports/historical/agents?agents={ana}&{Now}", $"reports/historical/agents/{ana}/statuses?view=raw" }
        )
        {
            var answer = await _client.GetAsync($"{path}&{style}", Supervisor);
            Expect.Problem(answer, 400, "validation");
            Assert.True(answer.Json.GetProperty("errors").TryGetProperty(field, out _), answer.ToString());
        }
    }

    [Fact]
    public async Task Lines_for_programs_stay_in_UTC_and_without_a_mark()
    {
        var ana = await service.AgentAsync(new { displayName = "Ana" });
        var position = await PositionAsync(ana);
        var lines = await BytesAsync($"reports/historical/agents?agents={ana}&{Now}&timeZone=Asia/Tokyo&format=ndjson", position);
        Assert.Equal((byte)'{', lines[0]);
        var item = JsonElement.Parse(lines);
        Assert.Equal("2019-12-31T15:00:00.000Z", item.GetProperty("bucketStart").GetString());
    }

    /// <summary>A position that has all that is recorded of an agent.</summary>
    private async Task<string> PositionAsync(string agentId)
    {
        var version = (await _client.GetAsync($"agents/{agentId}/state")).Json.GetProperty("presence").GetProperty("version").GetInt64();
        return (await _client.GetAsync($"agents/{agentId}/presence?minVersion={version}")).Headers["Ledger-Position"];
    }

    private async Task<string> TextAsync(string path, string position) =>
        Encoding.UTF8.GetString(await BytesAsync(path, position)).TrimStart('\uFEFF');

    private async Task<byte[]> BytesAsync(string path, string position)
    {
        using var http = new HttpClient { BaseAddress = service.Url };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/" + path);
        request.Headers.Add("X-Actor", Supervisor);
        request.Headers.Add("Ledger-Position", position);
        using var answer = await http.SendAsync(request);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        Assert.True(answer.IsSuccessStatusCode, Encoding.UTF8.GetString(bytes));
        return bytes;
    }

    private static string Written(CsvStyle style, Action<CsvWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        write(new CsvWriter(bytes, style));
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static string[][] Parse(string text, string separator = ",")
    {
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = separator,
            HasHeaderRecord = false,
            IgnoreBlankLines = false,
            Mode = CsvMode.RFC4180,
        };
        using var parser = new CsvParser(new StringReader(text), configuration);
        var rows = new List<string[]>();
        while (parser.Read())
            rows.Add(parser.Record!);
        return [.. rows];
    }

    private static Dictionary<string, string>[] Records(string[][] rows) =>
        [.. rows.Skip(1).Select(row => rows[0].Zip(row).ToDictionary(cell => cell.First, cell => cell.Second))];

    private static async Task<string[][]> PythonAsync(byte[] file, string separator)
    {
        const string Script =
            "import csv,io,json,sys; "
            + "print(json.dumps(list(csv.reader(io.TextIOWrapper(sys.stdin.buffer,encoding='utf-8-sig',newline=''),delimiter=sys.argv[1],strict=True))))";
        using var python = Process.Start(
            new ProcessStartInfo("python3", ["-c", Script, separator])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            }
        )!;
        var rows = python.StandardOutput.ReadToEndAsync();
        await python.StandardInput.BaseStream.WriteAsync(file);
        python.StandardInput.Close();
        await python.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return JsonSerializer.Deserialize<string[][]>(await rows)!;
    }
}
