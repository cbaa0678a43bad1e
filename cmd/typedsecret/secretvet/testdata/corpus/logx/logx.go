// Package logx wraps a logger as many programs do.
package logx

import (
	"io"
	"log"
	"strings"
)

type Logger struct{ l *log.Logger }

func New(w io.Writer) *Logger { return &Logger{log.New(w, "", 0)} }

func (l *Logger) Infof(format string, args ...any) { l.l.Printf("INFO "+format, args...) }

func Debug(args ...any) { log.Print(args...) }

// Masked logs the first two characters' worth of nothing.
func Masked(name, s string) { log.Print(name, "=", strings.Repeat("*", len(s))) }
