// Package readme finds the Go code of a README in the examples and programs that run it.
package readme

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sources are the files that a block of code may be taken from.
var sources = []string{"example*_test.go", "*/example*_test.go", "*/*/example*_test.go", "examples/*/*.go"}

// Sources returns the files below dir, relative to it, that hold the Go blocks of dir's
// README.md. The lines of each block must occur in one file, in their order. An error names
// the blocks that are in no file.
func Sources(dir string) (files []string, err error) {
	markdown, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		return nil, err
	}
	running, err := read(dir)
	if err != nil {
		return nil, err
	}
	code := blocks(string(markdown))
	if len(code) == 0 {
		return nil, errors.New("README.md has no Go code")
	}
	var errs []error
	for _, block := range code {
		file, best := source(block, running)
		if file == "" {
			errs = append(errs, fmt.Errorf("README.md: this line is in no example after those before it: %q, in\n%s",
				block[best], strings.Join(block, "\n")))
		} else if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files, errors.Join(errs...)
}

// read returns the lines of each file that sources names.
func read(dir string) (map[string][]string, error) {
	running := map[string][]string{}
	for _, pattern := range sources {
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

// found returns how many lines of block occur in lines, in their order.
func found(block, lines []string) int {
	n := 0
	for _, line := range lines {
		if n < len(block) && line == block[n] {
			n++
		}
	}
	return n
}
