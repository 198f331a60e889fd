-- What people switch off for a while: silences mute notification, a pause stops acting.
-- Both say who, when and why, and touch neither counting nor judging.

-- +goose Up

-- A silence mutes alarms of one model, of all kinds where kind is '', for all features
-- where feature is ''. It ends by itself at until_ms; a person may end it earlier.
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
CREATE INDEX silences_open ON silences (until_ms) WHERE ended_ms IS NULL;

-- Names of the features behind an alarm, a JSON list; '' where not all are known. A
-- silence of single features must know that no other is behind it.
ALTER TABLE alarm_episodes ADD COLUMN features TEXT NOT NULL DEFAULT '';

-- A paused model keeps its state beside the pause: on resuming it is what it was.
ALTER TABLE watched_models ADD COLUMN paused_by TEXT NOT NULL DEFAULT '';
ALTER TABLE watched_models ADD COLUMN paused_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE watched_models ADD COLUMN paused_ms BIGINT;
UPDATE watched_models SET state = 'watching', paused_by = 'unknown', paused_reason = 'paused before reasons were kept', paused_ms = updated_ms
    WHERE state = 'paused';

-- +goose Down

UPDATE watched_models SET state = 'paused' WHERE paused_ms IS NOT NULL;
ALTER TABLE watched_models DROP COLUMN paused_ms;
ALTER TABLE watched_models DROP COLUMN paused_reason;
ALTER TABLE watched_models DROP COLUMN paused_by;
ALTER TABLE alarm_episodes DROP COLUMN features;
DROP TABLE silences;
