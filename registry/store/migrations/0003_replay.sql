-- What a replay writes into the history: scores and drift events of a range that live
-- operation did not write, restated scores, and where a replay that was stopped goes on.

-- +goose Up

-- 1: written by a replay, not by live operation. Of two final writings of one revision
-- live operation's stays, whichever came first.
ALTER TABLE scores ADD COLUMN replayed SMALLINT NOT NULL DEFAULT 0 CHECK (replayed IN (0, 1));
ALTER TABLE drift_events ADD COLUMN replayed SMALLINT NOT NULL DEFAULT 0 CHECK (replayed IN (0, 1));

-- What a restated score replaced: nothing that was stated is lost.
CREATE TABLE score_revisions (
    model       TEXT NOT NULL,
    version     TEXT NOT NULL,
    reference   TEXT NOT NULL,
    window_ms   BIGINT NOT NULL,
    end_ms      BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    day         TEXT NOT NULL,
    replayed    SMALLINT NOT NULL CHECK (replayed IN (0, 1)),
    replaced_ms BIGINT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (model, version, reference, window_ms, end_ms, revision)
);
CREATE INDEX score_revisions_day ON score_revisions (day);

-- Replays into the history that were begun and have not ended. The id is a hash of
-- what was asked for, so the same command finds its own.
CREATE TABLE replays (
    id         TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    counts     TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- Per partition of the windows: everything that ends at or before at_ms is written,
-- and state is what the computation goes on with.
CREATE TABLE replay_places (
    replay TEXT NOT NULL REFERENCES replays ON DELETE CASCADE,
    part   BIGINT NOT NULL,
    at_ms  BIGINT NOT NULL,
    state  TEXT NOT NULL,
    PRIMARY KEY (replay, part)
);

-- +goose Down

DROP TABLE replay_places;
DROP TABLE replays;
DROP TABLE score_revisions;
ALTER TABLE drift_events DROP COLUMN replayed;
ALTER TABLE scores DROP COLUMN replayed;
