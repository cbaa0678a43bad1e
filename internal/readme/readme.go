// Package readme finds the Go code of the README and of other pages in the examples and
// programs that run it. Its tests check the pages: code, links, names and lengths.
package readme

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sources are the files that a block of code in the README may be taken from: they use
// exported names only, and are run outside the tree before a release.
var sources = []string{"example*_test.go", "*/example*_test.go", "*/*/example*_test.go", "examples/*/*.go"}

// more are the files for the other pages. Those of bench use other libraries too.
var more = []string{"internal/readme/pages/example*_test.go", "bench/internal/migrating/*.go"}

// Sources returns the files below dir, relative to it, that hold the Go blocks of dir's
// README.md. An error names the blocks that are in no file.
func Sources(dir string) (files []string, err error) {
	running, err := read(dir, sources)
	if err != nil {
		return nil, err
	}
	files, err = sourcesOf(dir, "README.md", running)
	if err == nil && len(files) == 0 {
		err = errors.New("README.md has no Go code")
	}
	return files, err
}

// sourcesOf returns which of the running files hold the Go blocks of a page. The lines of
// each block must follow each other in one file; empty lines don't count, and a line of
// "// …" stands for any number of lines.
func sourcesOf(dir, page string, running map[string][]string) (files []string, err error) {
	markdown, err := os.ReadFile(filepath.Join(dir, page))
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, block := range blocks(string(markdown)) {
		file, best := source(block, running)
		if file == "" {
			errs = append(errs, fmt.Errorf("%s: this line is in no example after those before it: %q, in\n%s",
				page, block[best], strings.Join(block, "\n")))
		} else if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files, errors.Join(errs...)
}

// read returns the lines of each file that the patterns name.
func read(dir string, patterns []string) (map[string][]string, error) {
	running := map[string][]string{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(dir, file)
			if err != nil {
				return nil, err
			}
			running[name] = codeLines(string(text))
		}
	}
	return running, nil
}

// source returns the first file that has the lines of block, and how many of them the
// best has.
func source(block []string, running map[string][]string) (file string, best int) {
	for name, lines := range running {
		n := found(block, lines)
		if n == len(block) && (file == "" || name < file) {
			file = name
		}
		best = max(best, n)
	}
	return file, best
}

// blocks returns the lines of each block of Go in Markdown.
func blocks(markdown string) (blocks [][]string) {
	for _, part := range strings.Split("\n"+markdown, "\n```go\n")[1:] {
		code, _, _ := strings.Cut(part, "\n```")
		blocks = append(blocks, codeLines(code))
	}
	return blocks
}

// codeLines returns the lines that are not empty, with one space between words.
func codeLines(code string) (lines []string) {
	for line := range strings.Lines(code) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// elision stands in a block for lines that the page leaves out.
const elision = "// …"

// found returns how many lines of block occur in lines, one directly after the other but for
// elisions; the most that do, wherever the block begins.
func found(block, lines []string) (most int) {
	for start := range lines {
		most = max(most, foundAt(block, lines[start:]))
	}
	return most
}

// foundAt is found for a block that begins with the first of lines.
func foundAt(block, lines []string) int {
	for n, line := range block {
		if line == elision {
			if n+1 == len(block) {
				return n + 1
			}
			return n + 1 + found(block[n+1:], lines)
		}
		if len(lines) == 0 || lines[0] != line {
			return n
		}
		lines = lines[1:]
	}
	return len(block)
}
