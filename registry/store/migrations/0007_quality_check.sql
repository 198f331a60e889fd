-- Data-quality alarms are told apart by what they check: the values of features, volume,
-- freshness or schema.

-- +goose Up

-- '' is the check of values, and of every alarm of another kind.
ALTER TABLE alarm_episodes ADD COLUMN quality_check TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE alarm_episodes DROP COLUMN quality_check;
