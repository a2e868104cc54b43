using PresenceLedger.Api.Hosting;

return await Verbs.RunAsync(args);
