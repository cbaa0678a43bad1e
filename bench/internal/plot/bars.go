package plot

import "fmt"

// A Bar is one bar of a Bars chart.
type Bar struct {
	Name      string
	Value     float64
	Low, High float64 // the spread, drawn as a whisker; none if both are 0
	Ours      bool    // drawn in the first colour; the others are grey
}

// Bars is a chart that compares values, with a line for each.
type Bars struct {
	Title, Unit string
	Log         bool
	Bars        []Bar
}

// SVG returns the chart as a file's content.
func (b Bars) SVG() []byte {
	const pitch, nameWidth = 24, 150
	values := span{log: b.Log, fromZero: !b.Log}
	for _, bar := range b.Bars {
		for _, v := range []float64{bar.Value, bar.High} {
			if values.shows(v) {
				values.add(v)
			}
		}
	}
	var s sheet
	s.begin(b.Title)
	x := axis{values.grown(), nameWidth, width - 80}
	foot := float64(top + pitch*len(b.Bars))
	for _, t := range x.ticks() {
		s.rule(x.at(t), top, x.at(t), foot)
		s.text(x.at(t), foot+18, "middle", short(t))
	}
	s.text((nameWidth+width-80)/2, foot+38, "middle", b.Unit)
	for i, bar := range b.Bars {
		y := float64(top + pitch*i)
		s.text(nameWidth-8, y+16, "end", bar.Name)
		if !values.shows(bar.Value) {
			continue
		}
		colour := palette[len(palette)-1]
		if bar.Ours {
			colour = palette[0]
		}
		end := x.at(bar.Value)
		fmt.Fprintf(&s, `<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n", nameWidth, y+4, end-nameWidth, pitch-8, colour)
		if values.shows(bar.Low) && values.shows(bar.High) && bar.High > bar.Low {
			s.rule(x.at(bar.Low), y+12, x.at(bar.High), y+12)
			end = max(end, x.at(bar.High))
		}
		s.text(end+6, y+16, "start", short(bar.Value))
	}
	return s.end()
}
