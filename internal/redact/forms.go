package redact

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// escapers write a string into texts of one kind each: URLs, quoted strings, JSON, connection
// strings.
var escapers = []func(string) string{
	url.QueryEscape,
	url.PathEscape,
	func(s string) string { return strings.TrimPrefix(url.UserPassword("", s).String(), ":") },
	func(s string) string { return lowerHex.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower) },
	func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") },
	func(s string) string { return unquoted(strconv.Quote(s)) },
	func(s string) string { return unquoted(strconv.QuoteToASCII(s)) },
	func(s string) string {
		b, _ := json.Marshal(s)
		return unquoted(string(b))
	},
	strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace,
	strings.NewReplacer(`'`, `''`).Replace,
	strings.NewReplacer(`}`, `}}`).Replace,
}

var lowerHex = regexp.MustCompile(`%[0-9A-F]{2}`)

func unquoted(s string) string { return s[1 : len(s)-1] }

// longestTwice bounds the strings that are sought in texts within texts. Passwords are short.
const longestTwice = 1024

// forms returns s as it may stand in a text: as it is, escaped, and escaped twice, since a
// connection string may be quoted, and stand in JSON.
func forms(s string) []string {
	all := []string{s, strings.TrimSpace(s)}
	for _, escape := range escapers {
		once := escape(s)
		all = append(all, once)
		if once == s || len(s) > longestTwice {
			continue
		}
		for _, again := range escapers {
			all = append(all, again(once))
		}
	}
	return all
}

// inPair finds a password that a connection string gives by name: in single quotes, where a
// backslash escapes; in double quotes; in braces, where a brace is doubled; or bare. A bare one
// may end at a blank or an ampersand, or hold them.
var inPair = regexp.MustCompile(`(?i)(?:password|passwd|pwd)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|\{((?:[^}]|\}\})*)\}|(([^;&\s]*)[^;]*))`)

// passwords returns the passwords in s, if it is a connection string.
func passwords(s string) (all []string) {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		if password, has := u.User.Password(); has {
			all = append(all, password)
		}
	}
	// user:password@host, with a scheme before it or without. The password of a driver for
	// MySQL is not escaped and may hold each of these characters.
	if i := strings.LastIndex(s, "@"); i >= 0 {
		login := s[:i]
		if _, after, has := strings.Cut(login, "://"); has {
			login = after
		}
		if _, password, has := strings.Cut(login, ":"); has {
			all = append(all, password)
		}
	}
	for _, m := range inPair.FindAllStringSubmatch(s, -1) {
		all = append(all, unescaped.ReplaceAllString(m[1], "$1"), m[2], strings.ReplaceAll(m[3], "}}", "}"), m[4], m[5])
		if plain, err := url.QueryUnescape(m[5]); err == nil {
			all = append(all, plain)
		}
	}
	return all
}

var unescaped = regexp.MustCompile(`\\(.)`)
