-- The registry: experiments, runs, logged models, registered models, versions,
-- champions, audit, outbox. One text for both databases; the words TEXT, BLOB and
-- AUTOID are turned into each database's own (see postgres.go, sqlite.go).
-- Times are epoch milliseconds, booleans 0 or 1.

-- +goose Up

-- Ids that count up, one locked row each: dense, without gaps after a rollback.
CREATE TABLE counters (
    name  TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE experiments (
    experiment_id     BIGINT NOT NULL PRIMARY KEY,
    name              TEXT NOT NULL UNIQUE CHECK (name <> ''),
    artifact_location TEXT NOT NULL,
    lifecycle_stage   TEXT NOT NULL CHECK (lifecycle_stage IN ('active', 'deleted')),
    creation_time     BIGINT NOT NULL,
    last_update_time  BIGINT NOT NULL
);
CREATE INDEX experiments_newest ON experiments (creation_time, experiment_id);

CREATE TABLE experiment_tags (
    experiment_id BIGINT NOT NULL REFERENCES experiments ON DELETE CASCADE,
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
);

CREATE TABLE runs (
    run_id          TEXT NOT NULL PRIMARY KEY,
    experiment_id   BIGINT NOT NULL REFERENCES experiments,
    name            TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),
    start_time      BIGINT NOT NULL,
    end_time        BIGINT,
    lifecycle_stage TEXT NOT NULL CHECK (lifecycle_stage IN ('active', 'deleted')),
    artifact_uri    TEXT NOT NULL
);
-- The natural order of a run search.
CREATE INDEX runs_newest ON runs (experiment_id, lifecycle_stage, start_time, run_id);

CREATE TABLE run_tags (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
);

CREATE TABLE run_params (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
);

-- The key holds the value, so a repeated write is dropped. NaN is value 0 with
-- is_nan 1, because SQLite would keep a NaN as NULL.
CREATE TABLE metrics (
    run_id         TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    key            TEXT NOT NULL,
    timestamp      BIGINT NOT NULL,
    step           BIGINT NOT NULL,
    value          DOUBLE PRECISION NOT NULL,
    is_nan         SMALLINT NOT NULL CHECK (is_nan IN (0, 1)),
    model_id       TEXT NOT NULL DEFAULT '',
    dataset_name   TEXT NOT NULL DEFAULT '',
    dataset_digest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, key, timestamp, step, value, is_nan)
);
CREATE INDEX metrics_steps ON metrics (run_id, key, step);

-- Per key the value with the greatest (step, timestamp, value), and the range of
-- the values that are numbers.
CREATE TABLE latest_metrics (
    run_id         TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    key            TEXT NOT NULL,
    timestamp      BIGINT NOT NULL,
    step           BIGINT NOT NULL,
    value          DOUBLE PRECISION NOT NULL,
    is_nan         SMALLINT NOT NULL,
    model_id       TEXT NOT NULL DEFAULT '',
    dataset_name   TEXT NOT NULL DEFAULT '',
    dataset_digest TEXT NOT NULL DEFAULT '',
    min_value      DOUBLE PRECISION,
    max_value      DOUBLE PRECISION,
    PRIMARY KEY (run_id, key)
);

CREATE TABLE datasets (
    dataset_id    TEXT NOT NULL PRIMARY KEY,
    experiment_id BIGINT NOT NULL REFERENCES experiments,
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL,
    source_type   TEXT NOT NULL,
    source        TEXT NOT NULL,
    schema_json   TEXT NOT NULL,
    profile       TEXT NOT NULL,
    UNIQUE (experiment_id, name, digest)
);

CREATE TABLE run_inputs (
    run_id     TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    dataset_id TEXT NOT NULL REFERENCES datasets,
    position   BIGINT NOT NULL,
    PRIMARY KEY (run_id, dataset_id)
);
CREATE INDEX run_inputs_dataset ON run_inputs (dataset_id);

CREATE TABLE run_input_tags (
    run_id     TEXT NOT NULL,
    dataset_id TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (run_id, dataset_id, key),
    FOREIGN KEY (run_id, dataset_id) REFERENCES run_inputs ON DELETE CASCADE
);

CREATE TABLE logged_models (
    model_id        TEXT NOT NULL PRIMARY KEY,
    experiment_id   BIGINT NOT NULL REFERENCES experiments,
    name            TEXT NOT NULL,
    artifact_uri    TEXT NOT NULL,
    created_ms      BIGINT NOT NULL,
    updated_ms      BIGINT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED')),
    status_message  TEXT NOT NULL DEFAULT '',
    model_type      TEXT NOT NULL DEFAULT '',
    source_run_id   TEXT NOT NULL DEFAULT '',
    lifecycle_stage TEXT NOT NULL CHECK (lifecycle_stage IN ('active', 'deleted'))
);
CREATE INDEX logged_models_newest ON logged_models (experiment_id, created_ms, model_id);
CREATE INDEX logged_models_run ON logged_models (source_run_id);

CREATE TABLE logged_model_tags (
    model_id TEXT NOT NULL REFERENCES logged_models ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
);

CREATE TABLE logged_model_params (
    model_id TEXT NOT NULL REFERENCES logged_models ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
);

CREATE TABLE logged_model_metrics (
    model_id       TEXT NOT NULL REFERENCES logged_models ON DELETE CASCADE,
    run_id         TEXT NOT NULL,
    key            TEXT NOT NULL,
    timestamp      BIGINT NOT NULL,
    step           BIGINT NOT NULL,
    value          DOUBLE PRECISION NOT NULL,
    is_nan         SMALLINT NOT NULL,
    dataset_name   TEXT NOT NULL DEFAULT '',
    dataset_digest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (model_id, run_id, key, timestamp, step, value, is_nan, dataset_name, dataset_digest)
);

-- Logged models that a run read (direction 'in') or made ('out').
CREATE TABLE run_models (
    run_id    TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    model_id  TEXT NOT NULL REFERENCES logged_models ON DELETE CASCADE,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    step      BIGINT NOT NULL DEFAULT 0,
    position  BIGINT NOT NULL,
    PRIMARY KEY (run_id, model_id, direction)
);

-- last_version is the counter from which versions are numbered.
CREATE TABLE registered_models (
    name         TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    description  TEXT NOT NULL DEFAULT '',
    user_id      TEXT NOT NULL DEFAULT '',
    created_ms   BIGINT NOT NULL,
    updated_ms   BIGINT NOT NULL,
    last_version BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE registered_model_tags (
    name  TEXT NOT NULL REFERENCES registered_models ON DELETE CASCADE ON UPDATE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, key)
);

-- A deleted version keeps its row, with stage Deleted_Internal, so that its number
-- is not used again.
CREATE TABLE model_versions (
    name             TEXT NOT NULL REFERENCES registered_models ON DELETE CASCADE ON UPDATE CASCADE,
    version          BIGINT NOT NULL CHECK (version > 0),
    stage            TEXT NOT NULL CHECK (stage IN ('None', 'Staging', 'Production', 'Archived', 'Deleted_Internal')),
    description      TEXT NOT NULL DEFAULT '',
    user_id          TEXT NOT NULL DEFAULT '',
    source           TEXT NOT NULL DEFAULT '',
    storage_location TEXT NOT NULL DEFAULT '',
    run_id           TEXT NOT NULL DEFAULT '',
    run_link         TEXT NOT NULL DEFAULT '',
    model_id         TEXT NOT NULL DEFAULT '',
    status           TEXT NOT NULL CHECK (status IN ('PENDING_REGISTRATION', 'FAILED_REGISTRATION', 'READY')),
    status_message   TEXT NOT NULL DEFAULT '',
    created_ms       BIGINT NOT NULL,
    updated_ms       BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE INDEX model_versions_run ON model_versions (run_id);
CREATE INDEX model_versions_model ON model_versions (model_id);
CREATE INDEX model_versions_newest ON model_versions (updated_ms, name, version);

CREATE TABLE model_version_tags (
    name    TEXT NOT NULL,
    version BIGINT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (name, version, key),
    FOREIGN KEY (name, version) REFERENCES model_versions ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE model_aliases (
    name    TEXT NOT NULL,
    alias   TEXT NOT NULL CHECK (alias <> ''),
    version BIGINT NOT NULL,
    PRIMARY KEY (name, alias),
    FOREIGN KEY (name, version) REFERENCES model_versions ON DELETE CASCADE ON UPDATE CASCADE
);

-- One champion per model at most: the primary key says so.
CREATE TABLE champions (
    model    TEXT NOT NULL PRIMARY KEY,
    version  BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    act      TEXT NOT NULL CHECK (act IN ('promote', 'rollback', 'alias', 'stage')),
    actor    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    FOREIGN KEY (model, version) REFERENCES model_versions ON DELETE CASCADE ON UPDATE CASCADE
);

-- Who was champion when; version 0 = none from then on. Outlives the model.
CREATE TABLE champion_history (
    id       AUTOID,
    model    TEXT NOT NULL,
    version  BIGINT NOT NULL,
    previous BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    act      TEXT NOT NULL,
    actor    TEXT NOT NULL,
    reason   TEXT NOT NULL
);
CREATE INDEX champion_history_model ON champion_history (model, id);

-- Events to be published, written in the transaction of what they tell.
CREATE TABLE outbox (
    id           AUTOID,
    kind         TEXT NOT NULL,
    ref          TEXT NOT NULL,
    version      TEXT NOT NULL DEFAULT '',
    payload      TEXT NOT NULL,
    created_ms   BIGINT NOT NULL,
    published_ms BIGINT
);
CREATE INDEX outbox_pending ON outbox (id) WHERE published_ms IS NULL;

-- One row per mutating call. seq and hash are filled when the row is sealed into
-- the chain that "audit verify" checks.
CREATE TABLE audit (
    id          AUTOID,
    at_ms       BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    object      TEXT NOT NULL,
    before_json TEXT NOT NULL DEFAULT '',
    after_json  TEXT NOT NULL DEFAULT '',
    seq         BIGINT UNIQUE,
    hash        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_object ON audit (object, id);
CREATE INDEX audit_time ON audit (at_ms, id);
CREATE INDEX audit_unsealed ON audit (id) WHERE seq IS NULL;

INSERT INTO counters (name, value) VALUES ('experiment', 0), ('audit', 0);

-- +goose Down

DROP TABLE audit;
DROP TABLE outbox;
DROP TABLE champion_history;
DROP TABLE champions;
DROP TABLE model_aliases;
DROP TABLE model_version_tags;
DROP TABLE model_versions;
DROP TABLE registered_model_tags;
DROP TABLE registered_models;
DROP TABLE run_models;
DROP TABLE logged_model_metrics;
DROP TABLE logged_model_params;
DROP TABLE logged_model_tags;
DROP TABLE logged_models;
DROP TABLE run_input_tags;
DROP TABLE run_inputs;
DROP TABLE datasets;
DROP TABLE latest_metrics;
DROP TABLE metrics;
DROP TABLE run_params;
DROP TABLE run_tags;
DROP TABLE runs;
DROP TABLE experiment_tags;
DROP TABLE experiments;
DROP TABLE counters;
