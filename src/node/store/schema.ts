/** The store's tables. `user_version` names the format; an unknown one is refused, never guessed at. */
export const STORE_FORMAT = 1

export const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE author (number INTEGER PRIMARY KEY, author TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE entry (
  author INTEGER NOT NULL REFERENCES author (number),
  seq INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (author, seq)
) STRICT, WITHOUT ROWID;
-- Entries by the accounts that they name, for an account's history; the newest come here later.
CREATE TABLE touch (
  account TEXT NOT NULL,
  hlc INTEGER NOT NULL,
  author INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (account, hlc, author, seq)
) STRICT, WITHOUT ROWID;
-- What a seal left out of a log; kept for people to look at.
CREATE TABLE left_out (
  author INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (author, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE seal (author TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE snapshot (number INTEGER PRIMARY KEY, hlc INTEGER NOT NULL, bytes BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
CREATE TABLE leaves (author INTEGER NOT NULL, start INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (author, start)) STRICT;
CREATE TABLE checkpoint (peer TEXT PRIMARY KEY, bytes BLOB NOT NULL, signature BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE event (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, message TEXT NOT NULL, data TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
PRAGMA user_version = ${STORE_FORMAT};
`
