package cli

import (
	"strings"
	"unicode/utf8"
)

// fill sets text in lines of a width, in columns. The first line goes on where something of indent columns stands
// already; the others are indented by as much.
func fill(text string, indent, width int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// Around the first of two columns.
const (
	columnMargin  = 2
	columnGap     = 2
	widestLeft    = 30 // what is wider stands alone on its line
	columnsAround = columnMargin + columnGap
)

// leftColumn answers how wide the first column of rows must be.
func leftColumn(rows [][2]string) int {
	left := 0
	for _, row := range rows {
		if n := utf8.RuneCountInString(row[0]); n <= widestLeft {
			left = max(left, n)
		}
	}
	return left
}

// columns sets rows of two columns, of which the first has the given width. What does not fit beside it goes below.
func columns(rows [][2]string, left, width int) string {
	indent := left + columnsAround
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(strings.Repeat(" ", columnMargin) + row[0])
		if n := utf8.RuneCountInString(row[0]); n <= left {
			b.WriteString(strings.Repeat(" ", left-n+columnGap))
		} else {
			b.WriteString("\n" + strings.Repeat(" ", indent))
		}
		b.WriteString(fill(row[1], indent, width) + "\n")
	}
	return b.String()
}

// cell is one text of a table, and the colour that it is shown in.
type cell struct{ text, code string }

// table sets rows of cells in columns; the first row is the heading.
func table(rows [][]cell, paint func(code, text string) string) string {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, c := range row {
			b.WriteString(paint(c.code, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+columnGap))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// plainRow makes a row without colours.
func plainRow(texts ...string) []cell {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].text = text
	}
	return row
}
