using System.Collections.Immutable;

namespace PresenceLedger.Domain;

/// <summary>
/// The identifiers of the presence rules. They appear on events, in the audit timeline and in scenario files, so they are
/// part of the public contract. <c>docs/rules.md</c> says where each is implemented and which scenarios and tests hold it.
/// </summary>
public static class Rules
{
    /// <summary>The six out-of-the-box statuses always exist and cannot be changed.</summary>
    public const string Cat1 = "CAT-1";

    /// <summary>Custom statuses: edited and retired, never deleted; the base is fixed once used.</summary>
    public const string Cat2 = "CAT-2";

    /// <summary><c>inactive</c> is set by the system alone.</summary>
    public const string Cat3 = "CAT-3";

    /// <summary>Rules look at the base of a status, never at its text.</summary>
    public const string Cat4 = "CAT-4";

    /// <summary>A retired status cannot be chosen; who holds it keeps it; as a default it counts as available.</summary>
    public const string Cat5 = "CAT-5";

    /// <summary>Sign-in without open conversations: the default presence.</summary>
    public const string Sgn1 = "SGN-1";

    /// <summary>Sign-in with open conversations: a sticky default, else capacity.</summary>
    public const string Sgn2 = "SGN-2";

    /// <summary>A further connection changes nothing about presence.</summary>
    public const string Sgn3 = "SGN-3";

    /// <summary>Sign-out closes all connections, captures the status and sets offline.</summary>
    public const string Sgn4 = "SGN-4";

    /// <summary>Nothing looks at working hours.</summary>
    public const string Sgn5 = "SGN-5";

    /// <summary>Which commands need a signed-in agent, and the order of checks.</summary>
    public const string Sgn6 = "SGN-6";

    /// <summary>A signed-in agent may set any selectable status; a supervisor on the agent's behalf.</summary>
    public const string Man1 = "MAN-1";

    /// <summary>Manual available or busy stands until the next accept or end of a conversation.</summary>
    public const string Man2 = "MAN-2";

    /// <summary>Manual do-not-disturb, away or offline stands until changed.</summary>
    public const string Man3 = "MAN-3";

    /// <summary>A manual change never touches conversations.</summary>
    public const string Man4 = "MAN-4";

    /// <summary>Setting what already stands manually is a no-op; with another origin it is an event.</summary>
    public const string Man5 = "MAN-5";

    /// <summary>A manual change may say until when it stands; then capacity decides.</summary>
    public const string Man6 = "MAN-6";

    /// <summary>Nothing in use: available.</summary>
    public const string Cap1 = "CAP-1";

    /// <summary>Something in use: busy.</summary>
    public const string Cap2 = "CAP-2";

    /// <summary>Exhausted: do-not-disturb.</summary>
    public const string Cap3 = "CAP-3";

    /// <summary>Which of units and profiles count as exhausted.</summary>
    public const string Cap4 = "CAP-4";

    /// <summary>More open sessions than the maximum: do-not-disturb.</summary>
    public const string Cap5 = "CAP-5";

    /// <summary>Negative available capacity: do-not-disturb.</summary>
    public const string Cap6 = "CAP-6";

    /// <summary>When capacity is taken and given back.</summary>
    public const string Cap7 = "CAP-7";

    /// <summary>Total units of zero.</summary>
    public const string Cap8 = "CAP-8";

    /// <summary>The occasions at which capacity decides.</summary>
    public const string Cap9 = "CAP-9";

    /// <summary>Automatic acceptance, and outbound attempts.</summary>
    public const string Cap10 = "CAP-10";

    /// <summary>A conversation that needs several profiles.</summary>
    public const string Cap11 = "CAP-11";

    /// <summary>A custom limit lowered below what is in use.</summary>
    public const string Cap12 = "CAP-12";

    /// <summary>Verbs that repeat, and verbs that do not fit the conversation's state.</summary>
    public const string Cap13 = "CAP-13";

    /// <summary>A conversation that takes nothing.</summary>
    public const string Cap14 = "CAP-14";

    /// <summary>What a conversation takes in wrap-up.</summary>
    public const string Wrp1 = "WRP-1";

    /// <summary>Closing ends wrap-up.</summary>
    public const string Wrp2 = "WRP-2";

    /// <summary>A wrap-up block ends when it was due.</summary>
    public const string Wrp3 = "WRP-3";

    /// <summary>A missed notification: inactive.</summary>
    public const string Not1 = "NOT-1";

    /// <summary>A rejected notification: do-not-disturb.</summary>
    public const string Not2 = "NOT-2";

    /// <summary>The agent's own sticky word stands over NOT-1, NOT-2 and NOT-6.</summary>
    public const string Not3 = "NOT-3";

    /// <summary>Reset presence.</summary>
    public const string Not4 = "NOT-4";

    /// <summary>A notification status stands until a manual change or a sign-out.</summary>
    public const string Not5 = "NOT-5";

    /// <summary>Undelivered offers: counted apart; so many in a row: inactive.</summary>
    public const string Not6 = "NOT-6";

    /// <summary>How many misses in a row set inactive.</summary>
    public const string Not7 = "NOT-7";

    /// <summary>Consults and monitoring change neither presence nor capacity.</summary>
    public const string Cns1 = "CNS-1";

    /// <summary>A consult of an agent lost for good ends at the loss.</summary>
    public const string Cns2 = "CNS-2";

    /// <summary>Transfer to an agent.</summary>
    public const string Trf1 = "TRF-1";

    /// <summary>Transfer to a queue or an external number.</summary>
    public const string Trf2 = "TRF-2";

    /// <summary>How a connection lives and is lost.</summary>
    public const string Con1 = "CON-1";

    /// <summary>Losing one of several connections.</summary>
    public const string Con2 = "CON-2";

    /// <summary>Losing the last connection.</summary>
    public const string Con3 = "CON-3";

    /// <summary>Back within the restore window.</summary>
    public const string Con4 = "CON-4";

    /// <summary>Back later.</summary>
    public const string Con5 = "CON-5";

    /// <summary>A browser refresh changes nothing.</summary>
    public const string Con6 = "CON-6";

    /// <summary>Heartbeats are not events.</summary>
    public const string Con7 = "CON-7";

    /// <summary>A restart of the server is not a loss.</summary>
    public const string Con8 = "CON-8";

    /// <summary>Heartbeats of an unknown connection are answered so.</summary>
    public const string Con9 = "CON-9";

    /// <summary>Conversations open, and offers awaiting acceptance, too long without activity are flagged.</summary>
    public const string Stk1 = "STK-1";

    /// <summary>A supervisor may force a release.</summary>
    public const string Stk2 = "STK-2";

    /// <summary>A conversation open with two agents at once is a conflict.</summary>
    public const string Stk3 = "STK-3";

    /// <summary>Roles are mapped to personas.</summary>
    public const string Dia1 = "DIA-1";

    /// <summary>The prerequisites of an agent's presence.</summary>
    public const string Dia2 = "DIA-2";

    /// <summary>Every event names actor, cause, rule and policy version.</summary>
    public const string Who1 = "WHO-1";

    /// <summary>The ways a conversation ends stay distinguishable.</summary>
    public const string Who2 = "WHO-2";

    /// <summary>Events hold no personal data.</summary>
    public const string Who3 = "WHO-3";

    /// <summary>One clock; occurredAt never goes back within a stream.</summary>
    public const string Tim1 = "TIM-1";

    /// <summary>Statuses partition time.</summary>
    public const string Tim2 = "TIM-2";

    /// <summary>Intervals are half-open.</summary>
    public const string Tim3 = "TIM-3";

    /// <summary>Instants are UTC.</summary>
    public const string Tim4 = "TIM-4";

    /// <summary>One source of time-zone data, the one that the product brings along.</summary>
    public const string Tim5 = "TIM-5";

    /// <summary>A policy that changes dates nothing before the change.</summary>
    public const string Tim6 = "TIM-6";

    /// <summary>Every rule, in the order of the rules document.</summary>
    public static ImmutableArray<string> All { get; } =
    [
        Cat1,
        Cat2,
        Cat3,
        Cat4,
        Cat5,
        Sgn1,
        Sgn2,
        Sgn3,
        Sgn4,
        Sgn5,
        Sgn6,
        Man1,
        Man2,
        Man3,
        Man4,
        Man5,
        Man6,
        Cap1,
        Cap2,
        Cap3,
        Cap4,
        Cap5,
        Cap6,
        Cap7,
        Cap8,
        Cap9,
        Cap10,
        Cap11,
        Cap12,
        Cap13,
        Cap14,
        Wrp1,
        Wrp2,
        Wrp3,
        Not1,
        Not2,
        Not3,
        Not4,
        Not5,
        Not6,
        Not7,
        Cns1,
        Cns2,
        Trf1,
        Trf2,
        Con1,
        Con2,
        Con3,
        Con4,
        Con5,
        Con6,
        Con7,
        Con8,
        Con9,
        Stk1,
        Stk2,
        Stk3,
        Dia1,
        Dia2,
        Who1,
        Who2,
        Who3,
        Tim1,
        Tim2,
        Tim3,
        Tim4,
        Tim5,
        Tim6,
    ];
}
