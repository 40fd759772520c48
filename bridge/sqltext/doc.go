// SPDX-License-Identifier: Apache-2.0

// Package sqltext turns the raw text of a SQL statement into what may leave
// the host: a text without literals, its hash, a short summary, and the trace
// context that the application put into a comment or a user variable.
//
// Query text is personal data, so the package errs on the side of hiding:
// what it cannot classify with certainty becomes a '?'. Everything is a pure
// function of bytes. The package never does I/O, never logs, never keeps a
// reference to its input, and never changes it. The functions are safe for
// concurrent use; a [Cache] is not.
//
// # What is a literal
//
// [AppendSanitized] replaces these by '?': quoted strings with their prefixes
// (N”, X”, B”, _charset”, E”), dollar-quoted strings, numbers in every
// notation, and every unquoted word that begins with a digit. Adjacent strings
// are one literal. A sign belongs to its number where it cannot be an
// operator. TRUE, FALSE and NULL are keywords and stay, as do names: digits
// within a name are not literals. In the MySQL dialect "..." is a string, as it
// is under the default sql_mode; with ANSI_QUOTES such names are hidden too.
//
// A string, quoted name or comment that never ends hides all that follows.
//
// # Comments
//
// Comments are removed. MySQL's executable comments (/*! ... */ and MariaDB's
// /*M! ... */) are code to the server: their content stays, sanitised, without
// the marks. Optimizer hints (/*+ ... */) stay, sanitised, in the MySQL
// dialect; to PostgreSQL they are comments.
//
// # Shape
//
// Runs of white space become one space, trailing semicolons go. Lists of
// literals after IN (and in FIELD(...) and ARRAY[...]) are cut to one, and of
// several tuples after VALUES, or in IN ((..), (..)), only the first stays, so
// that the number of distinct texts does not grow with the number of rows.
// OpenTelemetry's database conventions allow the former
// (https://opentelemetry.io/docs/specs/semconv/db/database-spans/).
//
// # Escapes
//
// Whether a backslash escapes a quote depends on the session (MySQL's
// NO_BACKSLASH_ESCAPES, PostgreSQL's standard_conforming_strings), which the
// text does not tell. The default of the dialect is assumed; if a text that
// contains such a quote then turns out not to be well-formed, everything from
// that string on is hidden.
package sqltext
