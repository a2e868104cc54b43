-- Texts of reasons, beside the events. An event names one by its digest, the SHA-256 of salt and text in hexadecimal, which says nothing
-- any more once the row is deleted; so a text can be erased and the hash chain still holds.
create table ledger.reason (
    digest text collate "C" primary key,
    stream text collate "C" not null,
    salt bytea not null,
    -- UTF-8. Not of type text, which cannot hold every text that is hashed: convert_from(text, 'UTF8') shows it.
    text bytea not null,
    recorded_at timestamptz not null
);

-- Erasing goes by stream; so does finding a text whose event never came about, because its append failed.
create index reason_stream on ledger.reason (stream);
