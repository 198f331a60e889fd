-- Monitoring and retraining: watched models, references, scores, alarms, examples,
-- realised performance, stream ledger, readers' progress, retrains.
-- Same words as 0001: TEXT, BLOB and AUTOID become each database's own; times are
-- epoch milliseconds UTC, booleans 0 or 1, day is YYYY-MM-DD of event time, UTC.

-- +goose Up

-- What is watched, and how far automation may go. The spec is JSON as its owner
-- wrote it; state and automation stand apart because queries ask for them.
CREATE TABLE watched_models (
    name       TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    spec       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('learning', 'watching', 'paused')),
    automation TEXT NOT NULL CHECK (automation IN ('observe', 'retrain', 'approve', 'promote')),
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- Immutable: the id is a hash of the content, so a second insert changes nothing.
CREATE TABLE model_references (
    model      TEXT NOT NULL,
    id         TEXT NOT NULL CHECK (id <> ''),
    version    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    grid_id    TEXT NOT NULL,
    row_count  BIGINT NOT NULL CHECK (row_count >= 0),
    from_ms    BIGINT NOT NULL,
    to_ms      BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    meta       TEXT NOT NULL,
    data       BLOB NOT NULL,
    PRIMARY KEY (model, id)
);
CREATE INDEX model_references_newest ON model_references (model, created_ms, id);

-- One row per window of a model. Of several writings of one key the one with the
-- greatest (revision, final, covered, body) stays, so repeats and any order of
-- arrival give the same row, and a provisional row never replaces a final one.
CREATE TABLE scores (
    model       TEXT NOT NULL,
    version     TEXT NOT NULL,
    reference   TEXT NOT NULL,
    window_ms   BIGINT NOT NULL CHECK (window_ms > 0),
    end_ms      BIGINT NOT NULL,
    day         TEXT NOT NULL,
    row_count   BIGINT NOT NULL,
    covered     BIGINT NOT NULL,
    expected    BIGINT NOT NULL,
    provisional SMALLINT NOT NULL CHECK (provisional IN (0, 1)),
    revision    BIGINT NOT NULL,
    drifted     BIGINT NOT NULL,
    judged      BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    max_psi     DOUBLE PRECISION,
    max_feature TEXT NOT NULL,
    alarm_phase TEXT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (model, version, reference, window_ms, end_ms)
);
CREATE INDEX scores_time ON scores (model, window_ms, end_ms);
CREATE INDEX scores_day ON scores (day);

-- The newest final score per key; kept apart because a page that shows all models
-- cannot look through a year of windows.
CREATE TABLE latest_scores (
    model     TEXT NOT NULL,
    version   TEXT NOT NULL,
    reference TEXT NOT NULL,
    window_ms BIGINT NOT NULL,
    end_ms    BIGINT NOT NULL,
    PRIMARY KEY (model, version, reference, window_ms)
);

-- One row per episode of an alarm, folded from its events: state, share and the
-- like come from the event with the greatest (time, ended, id), since is the
-- smallest time, level the greatest level.
CREATE TABLE alarm_episodes (
    episode      TEXT NOT NULL PRIMARY KEY CHECK (episode <> ''),
    model        TEXT NOT NULL,
    version      TEXT NOT NULL,
    policy       TEXT NOT NULL,
    reference    TEXT NOT NULL,
    window_ms    BIGINT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('drift', 'quality', 'performance')),
    phase        TEXT NOT NULL CHECK (phase IN ('firing', 'resolved', 'superseded')),
    ended        SMALLINT NOT NULL CHECK (ended IN (0, 1)),
    since_ms     BIGINT NOT NULL,
    last_ms      BIGINT NOT NULL,
    last_event   TEXT NOT NULL,
    level        BIGINT NOT NULL,
    share        DOUBLE PRECISION NOT NULL,
    top          TEXT NOT NULL,
    quality_open SMALLINT NOT NULL CHECK (quality_open IN (0, 1)),
    ack_by       TEXT NOT NULL DEFAULT '',
    ack_ms       BIGINT
);
CREATE INDEX alarm_episodes_newest ON alarm_episodes (since_ms, episode);
CREATE INDEX alarm_episodes_model ON alarm_episodes (model, since_ms, episode);
CREATE INDEX alarm_episodes_open ON alarm_episodes (model, kind) WHERE phase = 'firing';

CREATE TABLE alarm_notes (
    id      AUTOID,
    episode TEXT NOT NULL REFERENCES alarm_episodes ON DELETE CASCADE,
    at_ms   BIGINT NOT NULL,
    author  TEXT NOT NULL,
    note    TEXT NOT NULL
);
CREATE INDEX alarm_notes_episode ON alarm_notes (episode, id);

-- Event ids are hashes of what happened, so a repeat is the same row.
CREATE TABLE drift_events (
    id      TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    type    TEXT NOT NULL,
    model   TEXT NOT NULL,
    episode TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    day     TEXT NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX drift_events_time ON drift_events (time_ms, id);
CREATE INDEX drift_events_model ON drift_events (model, time_ms, id);
CREATE INDEX drift_events_episode ON drift_events (episode, time_ms, id);

-- One row per (model, id) in three groups: f_ features, p_ prediction, l_ label.
-- Each group keeps the value with the greatest (time, topic, partition, offset),
-- a missing group is NULL; so upserts can be repeated and come in any order.
-- event_ms and day are those of the features, else the prediction, else the label.
CREATE TABLE examples (
    model    TEXT NOT NULL,
    id       TEXT NOT NULL,
    f_ms     BIGINT,
    f_topic  TEXT,
    f_part   BIGINT,
    f_offset BIGINT,
    features TEXT,
    p_ms     BIGINT,
    p_topic  TEXT,
    p_part   BIGINT,
    p_offset BIGINT,
    version  TEXT,
    score    DOUBLE PRECISION,
    class    TEXT,
    l_ms     BIGINT,
    l_topic  TEXT,
    l_part   BIGINT,
    l_offset BIGINT,
    label    TEXT,
    event_ms BIGINT NOT NULL,
    day      TEXT NOT NULL,
    PRIMARY KEY (model, id),
    CHECK (f_ms IS NOT NULL OR p_ms IS NOT NULL OR l_ms IS NOT NULL)
);
CREATE INDEX examples_time ON examples (model, event_ms, id);

-- How predictions of one day turned out, once its labels are mature.
CREATE TABLE performance_days (
    model              TEXT NOT NULL,
    version            TEXT NOT NULL,
    day                TEXT NOT NULL,
    predicted          BIGINT NOT NULL,
    labelled           BIGINT NOT NULL,
    classed            BIGINT NOT NULL,
    correct            BIGINT NOT NULL,
    positives          BIGINT NOT NULL,
    predicted_positive BIGINT NOT NULL,
    true_positive      BIGINT NOT NULL,
    scored             BIGINT NOT NULL,
    score_sum          DOUBLE PRECISION NOT NULL,
    log_loss_sum       DOUBLE PRECISION NOT NULL,
    brier_sum          DOUBLE PRECISION NOT NULL,
    label_clock_ms     BIGINT NOT NULL,
    PRIMARY KEY (model, version, day)
);

-- Alarm machines that live in SQL rather than in the log (realised performance).
CREATE TABLE alarm_machines (
    name       TEXT NOT NULL PRIMARY KEY,
    state      BLOB NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- What became of the records of a source, by arrival time; of several writings of
-- one key the one folded through the greatest offset stays.
CREATE TABLE ledger (
    topic        TEXT NOT NULL,
    incarnation  BIGINT NOT NULL,
    part         BIGINT NOT NULL,
    arrival_ms   BIGINT NOT NULL,
    through      BIGINT NOT NULL,
    first_offset BIGINT NOT NULL,
    last_offset  BIGINT NOT NULL,
    records      BIGINT NOT NULL,
    skipped      BIGINT NOT NULL,
    accepted     BIGINT NOT NULL,
    late         BIGINT NOT NULL,
    future       BIGINT NOT NULL,
    thinned      BIGINT NOT NULL,
    dead         BIGINT NOT NULL,
    label        BIGINT NOT NULL,
    tick         BIGINT NOT NULL,
    unregistered BIGINT NOT NULL,
    aborted      BIGINT NOT NULL,
    -- JSON objects: reason or model name → records
    dead_by         TEXT NOT NULL,
    late_by         TEXT NOT NULL,
    future_by       TEXT NOT NULL,
    unregistered_by TEXT NOT NULL,
    PRIMARY KEY (topic, incarnation, part, arrival_ms)
);
CREATE INDEX ledger_time ON ledger (arrival_ms);

-- How far each source is, as its last frontier said.
CREATE TABLE sources (
    topic       TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    part        BIGINT NOT NULL,
    upto_ms     BIGINT NOT NULL,
    since_ms    BIGINT NOT NULL,
    partitions  BIGINT NOT NULL,
    through     BIGINT NOT NULL,
    control     BIGINT NOT NULL,
    seen_ms     BIGINT NOT NULL,
    PRIMARY KEY (topic, incarnation, part)
);

-- The next offset of readers whose results stand in this database; written in the
-- transaction of those results.
CREATE TABLE progress (
    consumer    TEXT NOT NULL,
    topic       TEXT NOT NULL,
    part        BIGINT NOT NULL,
    next_offset BIGINT NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (consumer, topic, part)
);

-- One row per trigger. fence counts the owners a row has had: whoever lost a lease
-- writes with an old number and is refused.
CREATE TABLE retrains (
    id              TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    model           TEXT NOT NULL CHECK (model <> ''),
    kind            TEXT NOT NULL CHECK (kind IN ('alarm', 'schedule', 'person', 'bootstrap')),
    trigger_json    TEXT NOT NULL,
    event_id        TEXT NOT NULL,
    episode         TEXT NOT NULL,
    clock_ms        BIGINT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('QUEUED', 'CHECKED', 'LEASED', 'DATASET', 'TRAINED', 'EVALUATED', 'REGISTERED', 'GATED', 'APPROVAL', 'BLOCKED', 'PROMOTED', 'PROBATION', 'DONE', 'COALESCED', 'REJECTED', 'ROLLED_BACK', 'FAILED')),
    reason          TEXT NOT NULL,
    owner           TEXT NOT NULL DEFAULT '',
    fence           BIGINT NOT NULL DEFAULT 0,
    lease_until_ms  BIGINT NOT NULL DEFAULT 0,
    wait_until_ms   BIGINT NOT NULL DEFAULT 0,
    attempts        BIGINT NOT NULL DEFAULT 0,
    approved_by     TEXT NOT NULL DEFAULT '',
    approved_reason TEXT NOT NULL DEFAULT '',
    approved_ms     BIGINT,
    dataset         TEXT NOT NULL DEFAULT '',
    run_id          TEXT NOT NULL DEFAULT '',
    version         TEXT NOT NULL DEFAULT '',
    champion_before TEXT NOT NULL DEFAULT '',
    gates           TEXT NOT NULL DEFAULT '',
    decision        TEXT NOT NULL DEFAULT '',
    created_ms      BIGINT NOT NULL,
    updated_ms      BIGINT NOT NULL
);
-- One active retrain per model, whatever the triggers and trainers.
CREATE UNIQUE INDEX retrains_one_active ON retrains (model)
    WHERE state IN ('QUEUED', 'CHECKED', 'LEASED', 'DATASET', 'TRAINED', 'EVALUATED', 'REGISTERED', 'GATED', 'APPROVAL', 'BLOCKED');
CREATE INDEX retrains_model ON retrains (model, clock_ms, id);
CREATE INDEX retrains_newest ON retrains (created_ms, id);

-- Every state a retrain was in, in order.
CREATE TABLE retrain_steps (
    id      AUTOID,
    retrain TEXT NOT NULL REFERENCES retrains ON DELETE CASCADE,
    state   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    at_ms   BIGINT NOT NULL
);
CREATE INDEX retrain_steps_retrain ON retrain_steps (retrain, id);
CREATE INDEX retrain_steps_state ON retrain_steps (state, retrain);

-- +goose Down

DROP TABLE retrain_steps;
DROP TABLE retrains;
DROP TABLE progress;
DROP TABLE sources;
DROP TABLE ledger;
DROP TABLE alarm_machines;
DROP TABLE performance_days;
DROP TABLE examples;
DROP TABLE drift_events;
DROP TABLE alarm_notes;
DROP TABLE alarm_episodes;
DROP TABLE latest_scores;
DROP TABLE scores;
DROP TABLE model_references;
DROP TABLE watched_models;
