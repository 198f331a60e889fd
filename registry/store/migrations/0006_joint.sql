-- Alarms on all features of a model together are a kind of their own. A column's CHECK
-- cannot be changed in place on SQLite: the column is made again with the wider one.

-- +goose Up

DROP INDEX alarm_episodes_open;
ALTER TABLE alarm_episodes RENAME COLUMN kind TO kind_before;
ALTER TABLE alarm_episodes ADD COLUMN kind TEXT NOT NULL DEFAULT 'drift' CHECK (kind IN ('drift', 'quality', 'performance', 'joint'));
UPDATE alarm_episodes SET kind = kind_before;
ALTER TABLE alarm_episodes DROP COLUMN kind_before;
CREATE INDEX alarm_episodes_open ON alarm_episodes (model, kind) WHERE phase = 'firing';

-- A silence's kind stands in a rule of the table too, so that the table is made again.
CREATE TABLE silences_before AS SELECT * FROM silences;
DROP TABLE silences;
CREATE TABLE silences (
    id           TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    model        TEXT NOT NULL CHECK (model <> ''),
    feature      TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('', 'drift', 'quality', 'performance', 'joint')),
    reason       TEXT NOT NULL CHECK (reason <> ''),
    author       TEXT NOT NULL CHECK (author <> ''),
    created_ms   BIGINT NOT NULL,
    until_ms     BIGINT NOT NULL,
    ended_by     TEXT NOT NULL DEFAULT '',
    ended_reason TEXT NOT NULL DEFAULT '',
    ended_ms     BIGINT,
    CHECK (until_ms > created_ms),
    CHECK (feature = '' OR kind NOT IN ('performance', 'joint'))
);
INSERT INTO silences SELECT * FROM silences_before;
DROP TABLE silences_before;
CREATE INDEX silences_open ON silences (until_ms) WHERE ended_ms IS NULL;

-- +goose Down

DELETE FROM silences WHERE kind = 'joint';
CREATE TABLE silences_after AS SELECT * FROM silences;
DROP TABLE silences;
CREATE TABLE silences (
    id           TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    model        TEXT NOT NULL CHECK (model <> ''),
    feature      TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('', 'drift', 'quality', 'performance')),
    reason       TEXT NOT NULL CHECK (reason <> ''),
    author       TEXT NOT NULL CHECK (author <> ''),
    created_ms   BIGINT NOT NULL,
    until_ms     BIGINT NOT NULL,
    ended_by     TEXT NOT NULL DEFAULT '',
    ended_reason TEXT NOT NULL DEFAULT '',
    ended_ms     BIGINT,
    CHECK (until_ms > created_ms),
    CHECK (feature = '' OR kind <> 'performance')
);
INSERT INTO silences SELECT * FROM silences_after;
DROP TABLE silences_after;
CREATE INDEX silences_open ON silences (until_ms) WHERE ended_ms IS NULL;

DELETE FROM alarm_episodes WHERE kind = 'joint';
DROP INDEX alarm_episodes_open;
ALTER TABLE alarm_episodes RENAME COLUMN kind TO kind_after;
ALTER TABLE alarm_episodes ADD COLUMN kind TEXT NOT NULL DEFAULT 'drift' CHECK (kind IN ('drift', 'quality', 'performance'));
UPDATE alarm_episodes SET kind = kind_after;
ALTER TABLE alarm_episodes DROP COLUMN kind_after;
CREATE INDEX alarm_episodes_open ON alarm_episodes (model, kind) WHERE phase = 'firing';
