// Package commands holds the commands of the driftline program, one file per group.
//
// Three kinds: all, demo and run start roles and stay; commands about models, alarms
// and retrains are clients of the native API, of the instance that runs on the data
// directory or else of one served inside their own process; topics, reference build,
// replay and doctor open broker and store themselves, next to whatever runs.
//
// A command prints its result on standard output and everything else on standard
// error; errors say what, where, why and what to do. Codes: package cli.
//
// Words are those of users; nothing here decides about drift.
package commands
