// Package storetest runs tests of package store on every database it supports.
//
// Each hands a migrated, empty store to a subtest: once on SQLite, once on a
// PostgreSQL server that the test binary starts for itself from the binaries of the
// system, with its own data folder and port, and stops at the end. Nothing outside the temporary
// folder is touched. With DRIFTLINE_SHORT=1 or -short only SQLite runs.
//
// A test package that uses Each calls storetest.Main from its TestMain, so that
// the server is stopped.
package storetest
