-- The segments that an example's event named, of those that its model declares, as a JSON
-- object of texts; NULL for none. They stand with the features: a new training set and
-- the reference that follows from it know which rows lie in which part of the traffic.

-- +goose Up

ALTER TABLE examples ADD COLUMN segments TEXT;

-- +goose Down

ALTER TABLE examples DROP COLUMN segments;
