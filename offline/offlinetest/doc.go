// Package offlinetest is the acceptance of the time rule: scripts that say which
// value every spine row is shown, an oracle that answers them by looking at
// every row, and random cases on which an engine must agree with it. Every
// engine runs them with Run and Check, and so does the online path through
// ByPoint: bring a store up to t, then read.
//
// # A script
//
// A script is a text file: the sentence of the rule that it is about, raw source
// rows, views over them, and a spine with the values that the rule gives, worked
// out by hand.
//
//	rule T2: with a TTL: t - e <= ttl (inclusive)
//	# At e + ttl the row still counts, one microsecond later it does not.
//	source flights
//	  airport string | at event | delay int64
//	  SFO            | 10:00    | 5
//	view last
//	  keys airport
//	  ttl 1h
//	  features delay
//	join
//	  airport string | at event     => last__delay
//	  SFO            | 10:00+1h     => 5
//	  SFO            | 10:00+1h+1us => null
//
// A line that is not indented opens a block, the indented lines below belong to
// it. # starts a comment. Everything is checked when it is read; a mistake is an
// error with file and line.
//
//	rule SENTENCE     at least one; a failure shows it, and the comments
//	day 1969-12-31    the day of short times from here on; 2001-06-30 before
//
//	source NAME       raw rows as a table with the header NAME TYPE ROLE… | …
//	                  roles: event (one column must have it), created, available;
//	                  a column may have two. A role without a type is a timestamp.
//	  file NAME:      the rows below are a file of their own
//	  --              the rows below are a row group of their own
//
//	view NAME
//	  source NAME     needed where there are several
//	  version N       1 where it is left out
//	  keys K, K:TYPE = COLUMN, …        or: global
//	  ttl DURATION, delay DURATION
//	  features F, F:TYPE = "Column Name", …
//	           F = FUNCTION of COLUMN where BOOL_COLUMN over DURATION by GRANULARITY else DEFAULT
//	           FUNCTION is count, …, last_n(N), top_k(N), quantile(Q); a duration may be
//	           all; of, where, by and else may be left out
//	  derive NAME:TYPE = EXPRESSION       a column of the source's rows; any number of
//	                  these lines. The view then reads all columns of the source.
//	  event NAME, created NAME, available NAME      a column that is derived in that role
//	  expression NAME:TYPE = EXPRESSION   a feature; any number of these lines
//
//	use VIEW[@N]      what is asked for, in this order; without any use: all
//	                  features of all views
//	  as ALIAS
//	  keys K = SPINE_COLUMN, …
//	  only F, F as OUTPUT, …
//
//	service           what is derived of the uses before it, as alias.feature, and of inputs;
//	                  its features come behind those of the uses
//	  inputs NAME:TYPE, …                 columns of the spine
//	  derived NAME:TYPE = EXPRESSION      any number of these lines
//
//	join              the spine => the outputs; the spine's time has the role event
//
// Types are those of package feature, and timestamp_ns for a raw column that is
// finer than a microsecond. Created and available timestamps count for a view
// because its source names them.
//
// Values: null; true, false; integers; floats, with nan, inf, -inf and -0;
// text as a bare word or in double quotes with Go's escapes; bytes as x00ff;
// dates as 2001-06-30 (or day:-5, counted from 1970-01-01); lists as [1, null].
// Times: 10:30, 10:30:00.25, 2001-06-30T10:30, epoch, min, max, with spans behind
// them: 10:00+1h-1us; units are ns, us, ms, s, m, h and d.
//
// # What else Run does with it
//
// A result depends on the rows, never on where they stand. So Run answers every
// script again with its rows reversed and shuffled, in one file or row group
// each, doubled, in files that are written in other ways, and with the spine in
// another order.
//
// The package's own tests have the scripts answered by SQL on DuckDB as well
// (sql/answer.py), so that no reading of the rule stands alone, and check that
// wrong engines are noticed by the scripts and by the random cases.
//
// RunExpressions and CheckExpressionsFrom are those for what expressions compute: the
// oracle walks their trees, value by value.
//
// RunWindows and CheckWindowsFrom are Run and CheckFrom for windowed aggregates: to these
// every row counts, so nothing is doubled; and a quantile may be off by what it says.
//
// # Adding to the language
//
// Files that land between two runs will have a time behind the file's name
// (file b at 12:00:); that is an error now.
package offlinetest
