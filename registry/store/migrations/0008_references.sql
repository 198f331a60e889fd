-- References that move along beside a model's own, and the times that people keep out of
-- what a model calls normal.

-- +goose Up

-- 1: against a reference that moves along. What asks for a model's scores without naming a
-- reference means its own.
ALTER TABLE scores ADD COLUMN moving SMALLINT NOT NULL DEFAULT 0 CHECK (moving IN (0, 1));
ALTER TABLE latest_scores ADD COLUMN moving SMALLINT NOT NULL DEFAULT 0 CHECK (moving IN (0, 1));

-- A span of event time whose rows never become part of a reference, until a person ends it.
CREATE TABLE exclusions (
    id           TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    model        TEXT NOT NULL CHECK (model <> ''),
    from_ms      BIGINT NOT NULL,
    to_ms        BIGINT NOT NULL,
    reason       TEXT NOT NULL CHECK (reason <> ''),
    author       TEXT NOT NULL CHECK (author <> ''),
    created_ms   BIGINT NOT NULL,
    ended_by     TEXT NOT NULL DEFAULT '',
    ended_reason TEXT NOT NULL DEFAULT '',
    ended_ms     BIGINT,
    CHECK (to_ms > from_ms)
);
CREATE INDEX exclusions_of ON exclusions (model, from_ms) WHERE ended_ms IS NULL;

-- +goose Down

DROP TABLE exclusions;
ALTER TABLE latest_scores DROP COLUMN moving;
ALTER TABLE scores DROP COLUMN moving;
