// Package document reads files that hold several secrets by their IDs: a JSON object, or
// lines of ID=VALUE.
//
// An error gives the line and the column, and says what is expected there. It quotes
// nothing of the file, not even an ID, since a secret may be anywhere in a malformed file.
package document

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// A Position is a place in a file. The first line and the first column are 1, and a
// column is a character.
type Position struct{ Line, Column int }

// String returns the position as text for an error.
func (p Position) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// positionOf returns the position of the byte at this offset.
func positionOf(data []byte, offset int) Position {
	before := data[:min(max(offset, 0), len(data))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return Position{1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[line:])}
}

// withoutMark removes the byte-order mark that some editors write at the start of a file.
func withoutMark(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\ufeff")) }
