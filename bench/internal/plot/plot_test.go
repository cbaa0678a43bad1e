package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/bench/internal/plot"
)

func TestChartsAreWellFormed(t *testing.T) {
	odd := []plot.Point{{1, 0}, {10, math.NaN()}, {100, math.Inf(1)}, {1000, 3}, {-1, 2}}
	for name, svg := range map[string][]byte{
		"empty":       plot.Chart{}.SVG(),
		"one point":   plot.Chart{Lines: []plot.Line{{Name: "a", Points: []plot.Point{{5, 5}}}}}.SVG(),
		"linear":      plot.Chart{Title: `<&"`, Lines: []plot.Line{{Name: "a<b", Points: odd, Dashed: true}}}.SVG(),
		"logarithmic": plot.Chart{LogX: true, LogY: true, Lines: []plot.Line{{Points: odd}}}.SVG(),
		"all zero":    plot.Chart{Lines: []plot.Line{{Points: []plot.Point{{0, 0}, {1, 0}}}}}.SVG(),
		"no bars":     plot.Bars{}.SVG(),
		"bars": plot.Bars{Log: true, Bars: []plot.Bar{
			{Name: "<ours>", Value: 3, Low: 2, High: 4, Ours: true}, {Name: "none", Value: math.NaN()}, {Name: "zero"},
		}}.SVG(),
	} {
		t.Run(name, func(t *testing.T) {
			d := xml.NewDecoder(bytes.NewReader(svg))
			for {
				_, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%v in\n%s", err, svg)
				}
			}
			for _, wrong := range []string{"NaN", "Inf"} {
				if strings.Contains(string(svg), wrong) {
					t.Errorf("has a %s in it:\n%s", wrong, svg)
				}
			}
		})
	}
}

func TestPointsAreWhereTheirValuesSay(t *testing.T) {
	svg := string(plot.Chart{LogX: true, Lines: []plot.Line{{Points: []plot.Point{{1, 0}, {10, 1}, {100, 1}}}}}.SVG())
	for _, want := range []string{`cx="78.0" cy="368.0"`, `cx="324.0"`, `cx="570.0"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("no point at %s in\n%s", want, svg)
		}
	}
}
