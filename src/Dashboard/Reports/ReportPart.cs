using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Localization;
using PresenceLedger.Dashboard.Service;

namespace PresenceLedger.Dashboard.Reports;

/// <summary>A part of the page that reads something of the service, again when what it reads changes.</summary>
public abstract class ReportPart : ComponentBase, IDisposable
{
    private CancellationTokenSource _reading = new();
    private string? _what;
    private int _times;

    /// <summary>The service.</summary>
    [Inject]
    protected LedgerApi Api { get; set; } = null!;

    /// <summary>The words of the report.</summary>
    [Inject]
    protected IStringLocalizer<Words> Words { get; set; } = null!;

    /// <summary>What the viewer asks for.</summary>
    [Parameter, EditorRequired]
    public ReportQuery Query { get; set; } = null!;

    /// <summary>Of which time.</summary>
    [Parameter, EditorRequired]
    public ReportWindow Window { get; set; } = null!;

    /// <summary>What things are called.</summary>
    [Parameter, EditorRequired]
    public Catalogue Catalogue { get; set; } = null!;

    /// <summary>How often the viewer asked to read it anew.</summary>
    [Parameter]
    public int Refreshes { get; set; }

    /// <summary>What the viewer reads the history of agents for.</summary>
    [CascadingParameter]
    public Purpose Purpose { get; set; } = null!;

    /// <summary>Whether it is being read.</summary>
    protected bool IsReading { get; private set; }

    /// <summary>Why it could not be read.</summary>
    protected Problem? Problem { get; private set; }

    /// <summary>The paths that it reads; it is read again when they change. Null where there is nothing to read yet.</summary>
    protected abstract string? What();

    /// <summary>Reads it; the problem where that fails.</summary>
    protected abstract Task<Problem?> ReadAsync(CancellationToken ct);

    /// <inheritdoc />
    protected sealed override async Task OnParametersSetAsync()
    {
        if (What() == _what && Refreshes == _times)
            return;
        _times = Refreshes;
        await ReadAgainAsync();
    }

    /// <summary>Reads it once more; what was being read is given up.</summary>
    protected async Task ReadAgainAsync()
    {
        _what = What();
        var ct = GiveUp();
        (IsReading, Problem) = (_what is not null, null);
        if (_what is null)
            return;
        try
        {
            Problem = await ReadAsync(ct);
            IsReading = false;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Something else is being read by now.
        }
    }

    private CancellationToken GiveUp()
    {
        _reading.Cancel();
        _reading.Dispose();
        _reading = new CancellationTokenSource();
        return _reading.Token;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _reading.Cancel();
        _reading.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>What the viewer reads the history of agents for, as far as the service wants to know; kept while the page is open.</summary>
public sealed class Purpose
{
    /// <summary>As the viewer wrote it.</summary>
    public string? Text { get; set; }

    /// <summary>Whether a problem is that it is not said, or not well.</summary>
    public static bool IsWanted(Problem? problem) => problem?.Errors?.ContainsKey("purpose") is true;
}
