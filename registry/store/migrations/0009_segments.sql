-- Parts of a model's traffic are judged apart: their scores and alarms stand beside those of
-- all of it, and a silence may be of one part.

-- +goose Up

-- '' is all of the traffic; else the part, such as region=eu.
ALTER TABLE scores ADD COLUMN segment TEXT NOT NULL DEFAULT '';
ALTER TABLE latest_scores ADD COLUMN segment TEXT NOT NULL DEFAULT '';
ALTER TABLE alarm_episodes ADD COLUMN segment TEXT NOT NULL DEFAULT '';
ALTER TABLE silences ADD COLUMN segment TEXT NOT NULL DEFAULT '';

-- A part has a score where alarms step, all of the traffic one at every slide: without an
-- index of its own, the curve of a part would be found among many times its windows.
CREATE INDEX scores_segment ON scores (model, segment, window_ms, end_ms) WHERE segment <> '';

-- +goose Down

-- Nothing of a part may pass for all of the traffic.
DROP INDEX scores_segment;
DELETE FROM silences WHERE segment <> '';
DELETE FROM alarm_episodes WHERE segment <> '';
DELETE FROM score_revisions WHERE EXISTS (SELECT 1 FROM scores s WHERE s.segment <> '' AND s.model = score_revisions.model
    AND s.version = score_revisions.version AND s.reference = score_revisions.reference AND s.window_ms = score_revisions.window_ms);
DELETE FROM latest_scores WHERE segment <> '';
DELETE FROM scores WHERE segment <> '';
ALTER TABLE silences DROP COLUMN segment;
ALTER TABLE alarm_episodes DROP COLUMN segment;
ALTER TABLE latest_scores DROP COLUMN segment;
ALTER TABLE scores DROP COLUMN segment;
