// Package table reads rows of features from CSV and Parquet files, and from the query of
// a database.
//
// A row becomes values in the order of the columns asked for, and an event time where
// a column holds one. Kinds are those of events: number, string, boolean, null.
//
//   - CSV: the first line names the columns; comma, or semicolon or tab where only
//     those stand in it; an empty field is null; .gz is read too. A column is one of
//     numbers if every field that is not empty is a number, one of booleans if every
//     one is true or false, else one of strings.
//   - Parquet: flat columns of any physical type; timestamps and dates become epoch
//     milliseconds, decimals numbers.
//
// Times are RFC 3339, "2006-01-02 15:04:05" and dates in UTC, or epoch milliseconds.
//
// Files come from outside: what cannot be read is an error with file, line or row, and
// column, never a panic.
package table
