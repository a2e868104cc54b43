using MediatR;

namespace PresenceLedger.Api.Hosting;

/// <summary>Requests to their handlers, found by scan; MediatR 5 brings no registration of its own.</summary>
public static class Mediation
{
    /// <summary>Registers the mediator, every handler of this assembly, and the one behaviour.</summary>
    public static void Add(IServiceCollection services)
    {
        services.AddTransient<ServiceFactory>(s => s.GetRequiredService);
        services.AddTransient<IMediator, Mediator>();
        var handlers =
            from type in typeof(Mediation).Assembly.GetTypes()
            where type is { IsAbstract: false, IsGenericTypeDefinition: false }
            from contract in type.GetInterfaces()
            where contract.IsGenericType && contract.GetGenericTypeDefinition() == typeof(IRequestHandler<,>)
            select (contract, type);
        foreach (var (contract, type) in handlers)
            services.AddTransient(contract, type);
        services.AddTransient(typeof(IPipelineBehavior<,>), typeof(TelemetryBehaviour<,>));
    }
}
