-- Cold loads begin with the states that the read model keeps on the way (docs/decisions/0032-one-read-model-in-one-fold.md).
drop table ledger.snapshot;
