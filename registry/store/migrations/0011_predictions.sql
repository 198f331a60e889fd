-- Alarms on what a version answers are a kind of their own: see 0006 for the way.

-- +goose Up

DROP INDEX alarm_episodes_open;
ALTER TABLE alarm_episodes RENAME COLUMN kind TO kind_before;
ALTER TABLE alarm_episodes ADD COLUMN kind TEXT NOT NULL DEFAULT 'drift' CHECK (kind IN ('drift', 'quality', 'performance', 'joint', 'prediction'));
UPDATE alarm_episodes SET kind = kind_before;
ALTER TABLE alarm_episodes DROP COLUMN kind_before;
CREATE INDEX alarm_episodes_open ON alarm_episodes (model, kind) WHERE phase = 'firing';

-- Of answers there are two features, the score and the predicted class.
CREATE TABLE silences_before AS SELECT * FROM silences;
DROP TABLE silences;
CREATE TABLE silences (
    id           TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    model        TEXT NOT NULL CHECK (model <> ''),
    feature      TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('', 'drift', 'quality', 'performance', 'joint', 'prediction')),
    reason       TEXT NOT NULL CHECK (reason <> ''),
    author       TEXT NOT NULL CHECK (author <> ''),
    created_ms   BIGINT NOT NULL,
    until_ms     BIGINT NOT NULL,
    ended_by     TEXT NOT NULL DEFAULT '',
    ended_reason TEXT NOT NULL DEFAULT '',
    ended_ms     BIGINT,
    segment      TEXT NOT NULL DEFAULT '',
    CHECK (until_ms > created_ms),
    CHECK (feature = '' OR kind NOT IN ('performance', 'joint')),
    CHECK (kind <> 'prediction' OR feature IN ('', 'score', 'prediction'))
);
INSERT INTO silences (id, model, feature, kind, reason, author, created_ms, until_ms, ended_by, ended_reason, ended_ms, segment)
    SELECT id, model, feature, kind, reason, author, created_ms, until_ms, ended_by, ended_reason, ended_ms, segment FROM silences_before;
DROP TABLE silences_before;
CREATE INDEX silences_open ON silences (until_ms) WHERE ended_ms IS NULL;

-- +goose Down

DELETE FROM silences WHERE kind = 'prediction';
CREATE TABLE silences_after AS SELECT * FROM silences;
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
    segment      TEXT NOT NULL DEFAULT '',
    CHECK (until_ms > created_ms),
    CHECK (feature = '' OR kind NOT IN ('performance', 'joint'))
);
INSERT INTO silences (id, model, feature, kind, reason, author, created_ms, until_ms, ended_by, ended_reason, ended_ms, segment)
    SELECT id, model, feature, kind, reason, author, created_ms, until_ms, ended_by, ended_reason, ended_ms, segment FROM silences_after;
DROP TABLE silences_after;
CREATE INDEX silences_open ON silences (until_ms) WHERE ended_ms IS NULL;

DELETE FROM alarm_episodes WHERE kind = 'prediction';
DROP INDEX alarm_episodes_open;
ALTER TABLE alarm_episodes RENAME COLUMN kind TO kind_after;
ALTER TABLE alarm_episodes ADD COLUMN kind TEXT NOT NULL DEFAULT 'drift' CHECK (kind IN ('drift', 'quality', 'performance', 'joint'));
UPDATE alarm_episodes SET kind = kind_after;
ALTER TABLE alarm_episodes DROP COLUMN kind_after;
CREATE INDEX alarm_episodes_open ON alarm_episodes (model, kind) WHERE phase = 'firing';
