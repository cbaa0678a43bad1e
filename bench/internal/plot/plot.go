// Package plot draws line charts and bar charts as SVG, with the standard library only. The
// charts are readable on light and on dark pages.
package plot

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

const (
	width, height            = 760, 420
	left, right, top, bottom = 78, 190, 44, 52
)

// palette is that of Okabe and Ito, whose colours people with any colour vision can
// distinguish. Black is kept for the axes.
var palette = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d1f", "#999999"}

// A Point is a point of a Line.
type Point struct{ X, Y float64 }

// A Line is a named series of points, in the order of X.
type Line struct {
	Name   string
	Points []Point
	Dashed bool // for limits and floors
}

// A Chart has lines over two axes. It leaves out points that are not finite, and those that
// a logarithmic axis can't show.
type Chart struct {
	Title, X, Y string
	LogX, LogY  bool
	Lines       []Line
}

// SVG returns the chart as a file's content.
func (c Chart) SVG() []byte {
	lines := make([]Line, len(c.Lines))
	xs, ys := span{log: c.LogX}, span{log: c.LogY, fromZero: !c.LogY}
	for i, l := range c.Lines {
		lines[i] = l
		lines[i].Points = nil
		for _, p := range l.Points {
			if xs.shows(p.X) && ys.shows(p.Y) {
				lines[i].Points = append(lines[i].Points, p)
				xs.add(p.X)
				ys.add(p.Y)
			}
		}
	}
	var s sheet
	s.begin(c.Title)
	x := axis{xs.grown(), left, width - right}
	y := axis{ys.grown(), height - bottom, top}
	for _, t := range x.ticks() {
		at := x.at(t)
		s.rule(at, top, at, height-bottom)
		s.text(at, height-bottom+18, "middle", short(t))
	}
	for _, t := range y.ticks() {
		at := y.at(t)
		s.rule(left, at, width-right, at)
		s.text(left-8, at+4, "end", short(t))
	}
	s.text((left+width-right)/2, height-12, "middle", c.X)
	s.textTurned(18, (top+height-bottom)/2, c.Y)
	for i, l := range lines {
		colour := palette[i%len(palette)]
		s.line(l, x, y, colour)
		s.key(i, l.Name, colour)
	}
	return s.end()
}

// A span is the range of values that an axis shows.
type span struct {
	low, high     float64
	any           bool
	log, fromZero bool
}

func (s *span) shows(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!s.log || v > 0)
}

func (s *span) add(v float64) {
	if !s.any {
		s.low, s.high, s.any = v, v, true
	}
	s.low, s.high = min(s.low, v), max(s.high, v)
}

// grown extends the span to round numbers.
func (s span) grown() span {
	switch {
	case !s.any:
		s.low, s.high = 1, 10
	case s.log:
		s.low = math.Pow(10, math.Floor(math.Log10(s.low)))
		s.high = math.Pow(10, math.Ceil(math.Log10(s.high)))
		if s.low == s.high {
			s.high *= 10
		}
	case s.fromZero:
		s.low = min(s.low, 0)
		s.high += (s.high - s.low) * 0.05
	}
	if s.low == s.high {
		s.high = s.low + 1
	}
	return s
}

// An axis maps a span to pixels.
type axis struct {
	span
	from, to float64
}

func (a axis) at(v float64) float64 {
	share := (v - a.low) / (a.high - a.low)
	if a.log {
		share = math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return a.from + share*(a.to-a.from)
}

func (a axis) ticks() []float64 {
	var ticks []float64
	if a.log {
		for t := a.low; t <= a.high*1.001; t *= 10 {
			ticks = append(ticks, t)
		}
		return ticks
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/4)))
	for _, m := range []float64{5, 2} {
		if (a.high-a.low)/(step*m) >= 4 {
			step *= m
			break
		}
	}
	for i := math.Ceil(a.low / step); i*step <= a.high; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// short writes a number for an axis: 1.5k, 20M.
func short(v float64) string {
	abs := math.Abs(v)
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if abs >= unit.size {
			return fmt.Sprintf("%.4g%s", v/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.4g", v)
}

// A sheet is an SVG being written.
type sheet struct{ strings.Builder }

func (s *sheet) begin(title string) {
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		width, height)
	s.WriteString("<style>text{fill:#444}.r{stroke:#8884;fill:none}" +
		"@media (prefers-color-scheme:dark){text{fill:#ccc}}</style>\n")
	fmt.Fprintf(s, `<title>%s</title><text x="%d" y="24" font-size="15">%s</text>`+"\n", escape(title), left, escape(title))
}

func (s *sheet) end() []byte {
	s.WriteString("</svg>\n")
	return []byte(s.String())
}

func (s *sheet) rule(x1, y1, x2, y2 float64) {
	fmt.Fprintf(s, `<path class="r" d="M%.1f %.1fL%.1f %.1f"/>`+"\n", x1, y1, x2, y2)
}

func (s *sheet) text(x, y float64, anchor, text string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, escape(text))
}

func (s *sheet) textTurned(x, y float64, text string) {
	fmt.Fprintf(s, `<text transform="translate(%.1f %.1f) rotate(-90)" text-anchor="middle">%s</text>`+"\n", x, y, escape(text))
}

func (s *sheet) line(l Line, x, y axis, colour string) {
	if len(l.Points) == 0 {
		return
	}
	dash := ""
	if l.Dashed {
		dash = ` stroke-dasharray="6 4"`
	}
	fmt.Fprintf(s, `<polyline fill="none" stroke="%s" stroke-width="2"%s points="`, colour, dash)
	for _, p := range l.Points {
		fmt.Fprintf(s, "%.1f,%.1f ", x.at(p.X), y.at(p.Y))
	}
	s.WriteString("\"/>\n")
	if len(l.Points) > 40 {
		return
	}
	for _, p := range l.Points {
		fmt.Fprintf(s, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.at(p.X), y.at(p.Y), colour)
	}
}

func (s *sheet) key(i int, name, colour string) {
	y := float64(top + 10 + 20*i)
	fmt.Fprintf(s, `<path d="M%d %.1fh18" stroke="%s" stroke-width="3"/>`+"\n", width-right+14, y-4, colour)
	s.text(width-right+38, y, "start", name)
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // writing to a Builder does not fail
	return b.String()
}
