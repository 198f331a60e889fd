// Package browser holds the test of the pages in a real Chromium: what a person
// clicks and sees, keyboard, light and dark, wide and narrow, accessibility by axe.
//
// TestPages serves package webtest's world on a loopback port and runs pages.test.js
// with node's own test runner against it. Node, Chromium and this folder's node_modules
// must be there; .ci/prepare sees to it. Where one is missing the test is skipped with
// the reason; with CI=true in the environment it fails instead. -short skips it.
//
// Nothing is fetched from elsewhere: the browser is the system's, its background
// networking is off, and a request that leaves the server under test fails the test.
package browser
