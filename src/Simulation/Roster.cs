namespace PresenceLedger.Simulation;

/// <summary>What the simulated agents are called.</summary>
public static class Roster
{
    // As many as make every pair come once before the first comes again: the number of last names and that of first names plus one have
    // no factor in common.
    private static readonly string[] FirstNames =
    [
        "Amara",
        "Ben",
        "Chiara",
        "Daniel",
        "Elif",
        "Farid",
        "Grace",
        "Hiro",
        "Ines",
        "Jonas",
        "Katarzyna",
        "Liam",
        "Mei",
        "Noor",
        "Olga",
        "Pedro",
        "Quynh",
        "Rosa",
        "Søren",
        "Tomás",
        "Uma",
        "Viktor",
        "Wanda",
        "Zoë",
    ];

    private static readonly string[] LastNames =
    [
        "Almeida",
        "Berg",
        "Costa",
        "Dlamini",
        "Eriksen",
        "Ferrari",
        "Gupta",
        "Haddad",
        "Ivanova",
        "Jansen",
        "Kowalski",
        "Lindgren",
        "Moreau",
        "Nakamura",
        "Okafor",
        "Petrov",
        "Quispe",
        "Rossi",
        "Schmidt",
        "Tanaka",
        "Usman",
        "Vega",
        "Weber",
        "Xu",
        "Yılmaz",
        "Zhang",
        "Ahmed",
        "Brown",
        "Clarke",
        "Dubois",
        "Novák",
        "Silva",
    ];

    /// <summary>The name of the nth agent.</summary>
    public static string NameOf(int agent) =>
        $"{FirstNames[agent % FirstNames.Length]} {LastNames[(agent / FirstNames.Length + agent) % LastNames.Length]}";
}
