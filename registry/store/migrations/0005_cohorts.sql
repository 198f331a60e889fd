-- How predictions turn out, in full: performance_days has sums of a binary classifier,
-- a cohort has the counts that every measure and its interval come from.

-- +goose Up

-- The predictions of one version and day of event time, with the labels that had come at
-- the maturity. counts and answers are encoded whole numbers that merge; counts is NULL
-- while labels are awaited (label_clock_ms 0) and where nothing could be counted, and
-- reason then says why. report is what was said of the week that ended with the day.
CREATE TABLE performance_cohorts (
    model          TEXT NOT NULL CHECK (model <> ''),
    version        TEXT NOT NULL,
    day            TEXT NOT NULL,
    maturity_ms    BIGINT NOT NULL CHECK (maturity_ms >= 0),
    kind           TEXT NOT NULL CHECK (kind IN ('binary', 'multiclass', 'regression')),
    label_clock_ms BIGINT NOT NULL,
    counts         BLOB,
    answers        BLOB,
    reason         TEXT NOT NULL DEFAULT '',
    reading        TEXT NOT NULL DEFAULT '',
    report         TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (model, version, day, maturity_ms)
);
CREATE INDEX performance_cohorts_day ON performance_cohorts (model, day);

-- +goose Down

DROP TABLE performance_cohorts;
