// Package secretvet finds where a program shows a secret of AWS Secrets Manager: in a log,
// an error, a panic, a trace, a test's output or an HTTP response. Its [Analyzer] follows
// values from where they are read to where they are shown, through functions and packages.
//
//	c, err := db.Get(ctx)
//	…
//	log.Printf("connecting with %+v", c)
//
// gives
//
//	main.go:12:37: c holds the secret that db.Get gave (main.go:8), and reaches log.Printf: logs are stored and read
//
// # What is secret
//
//   - What Get, Refresh, Peek, Versions, Watch, Do and Inject of a handle give, and what
//     Reveal and Bytes of a Payload or a codec.Redacted give.
//   - SecretString and SecretBinary of the AWS SDK's answers (both versions of the SDK), and
//     what AWS's caching client gives.
//   - Each value of a type that is the T of a handle in this package or in one that it
//     imports: all its fields, but bools and times.
//   - Fields and package variables in which the package stores nothing but secrets.
//
// Everything that is made of a secret is secret: fields, elements, conversions, concatenations,
// what fmt, strings, encoding/json, net/url and the like return, and what the program's own
// functions return. The length, a comparison, a hash, and what a function named like mask
// or redact returns are not. An error is not, unless its text quotes what was parsed, as
// that of url.Parse does.
//
// In a map, and in a struct that is no handle's T, what is named host, port, engine, dbname
// and so on is not secret, since it says where a database is, and neither are checksums. The
// keys of a map are secret only if secrets were stored as keys.
//
// # What shows a value
//
// fmt.Print, and fmt.Fprint to os.Stdout, os.Stderr or an http.ResponseWriter; log and slog
// with its attributes; errors.New and fmt.Errorf; panic; the logging methods of testing;
// attributes, events and names of OpenTelemetry; labels of profiles and regions of runtime/trace;
// http.Error, templates and JSON that are written to a response; expvar; the default of a flag,
// which its help shows. Also zap, zerolog, logrus, gin, echo and fiber, and methods
// with a logger's name of a type with a logger's name. To write to a file, a connection, a
// buffer, the body of a request or a database is not to show.
//
// A type may hide what it holds, by a method that the place calls: fmt calls Format, Error and
// String, encoding/json MarshalJSON, slog LogValue. The methods are examined: a String that
// returns the password hides nothing.
//
// # What is said not to be secret
//
// The comment //typedsecret:public exempts a field of a T, a package variable, or what is
// shown on its line or the next:
//
//	type DBCreds struct {
//		Host     string //typedsecret:public
//		Password string
//	}
//
// # Limits
//
// Nothing is reported in _test.go files, whose secrets are mostly made up, unless the flag
// -testfiles is set. A value is not followed through reflection, through variables of
// function types that another package sets, or through a database. About a dependency the
// analyzer knows only which secrets it gives and what it logs. An option such as
// WithPassword(p), which stores p by a function that it returns, is followed in its own package. A
// secret that the program puts into its environment is found where its variable is read by a
// constant name, and where the whole environment is shown.
//
// Text in which a regular expression replaced something counts as redacted. The analyzer knows
// the C functions that copy a string (C.CString, C.GoString, C.strdup and the like) and those that
// print one (C.puts, C.perror). It does not follow a secret into other C functions.
package secretvet
