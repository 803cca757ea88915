-- Version 1. Times are microseconds since 1970, bytes are bytes. `docs/recording.md` explains the tables.
CREATE TABLE runs (
    id      INTEGER PRIMARY KEY,
    started INTEGER NOT NULL
);
CREATE TABLE streams (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE segments (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    stream   INTEGER NOT NULL REFERENCES streams (id),
    run      INTEGER NOT NULL,
    format   TEXT    NOT NULL,
    path     TEXT    NOT NULL UNIQUE,
    state    INTEGER NOT NULL, -- 0 open, 1 closed, 2 deleting
    began    INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    head     INTEGER NOT NULL, -- bytes before the media
    hash     BLOB,
    tracks   TEXT    NOT NULL,
    gap      TEXT
);
CREATE INDEX segments_by_time ON segments (stream, began);
CREATE INDEX segments_by_age ON segments (began) WHERE state = 1;
CREATE INDEX segments_unfinished ON segments (state) WHERE state <> 1;
CREATE TABLE protected (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL REFERENCES streams (id),
    began  INTEGER NOT NULL,
    ended  INTEGER NOT NULL,
    note   TEXT    NOT NULL
);
CREATE TABLE happenings (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL REFERENCES streams (id),
    began  INTEGER NOT NULL,
    ended  INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    text   TEXT    NOT NULL
);
CREATE INDEX happenings_by_time ON happenings (stream, began);
