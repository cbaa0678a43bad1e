package typedsecret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeCodeIsTakenFromCodeThatRuns: the lines of each of its Go blocks occur,
// in their order, in an example or a program.
func TestReadmeCodeIsTakenFromCodeThatRuns(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatalf("the README is missing: %v", err)
	}
	running := map[string][]string{} // file to its lines
	for _, pattern := range []string{"example*_test.go", "*/example*_test.go", "*/*/example*_test.go", "examples/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			running[file] = codeLines(string(text))
		}
	}
	if len(running) < 3 {
		t.Fatalf("only %d files of examples were found", len(running))
	}
	blocks := goBlocks(string(readme))
	if len(blocks) == 0 {
		t.Fatal("the README has no Go code")
	}
blocks:
	for _, block := range blocks {
		best := 0
		for _, lines := range running {
			n := found(block, lines)
			if n == len(block) {
				continue blocks
			}
			best = max(best, n)
		}
		t.Errorf("this line is in no example after those before it: %q, in\n%s", block[best], strings.Join(block, "\n"))
	}
}

// goBlocks returns the lines of each block of Go in Markdown.
func goBlocks(markdown string) (blocks [][]string) {
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

func TestReadmeCodeThatRunsNowhereIsFound(t *testing.T) {
	running := codeLines("a := 1\n\n\tb := 2 // why\nc := 3\n")
	for code, want := range map[string]int{
		"a := 1\nc  := 3": 2,
		"c := 3\na := 1":  1,
		"b := 2":          0,
	} {
		blocks := goBlocks("# Text\n```sh\nls\n```\n```go\n" + code + "\n```\nmore\n")
		if len(blocks) != 1 || found(blocks[0], running) != want {
			t.Errorf("%q: %v", code, blocks)
		}
	}
}
