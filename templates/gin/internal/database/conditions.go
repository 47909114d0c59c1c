package database

import "strings"

// Where collects conditions and their values.
type Where struct {
	conditions []string
	args       []any
}

// And adds a condition.
func (w *Where) And(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// Keyset says which part of a list is wanted: rows beyond a position, in order.
type Keyset struct {
	// Column comes from an allow-list, never from a client.
	Column     string
	Descending bool
	After      *Position
	Limit      int
}

// Position is a row's place in a list.
type Position struct {
	Key any
	ID  string
}

// Page returns the clauses that follow the table of a list's query, and their values. id breaks ties, in the direction of
// the sort.
func (w *Where) Page(page Keyset) (clauses string, args []any) {
	beyond, direction := ">", "ASC"
	if page.Descending {
		beyond, direction = "<", "DESC"
	}
	conditions, args := w.conditions, w.args
	if page.After != nil {
		// The first condition follows from the second. It is what an index can start from.
		column := page.Column
		conditions = append(conditions, column+" "+beyond+"= ? AND ("+column+" "+beyond+" ? OR id "+beyond+" ?)")
		args = append(args, page.After.Key, page.After.Key, page.After.ID)
	}
	if len(conditions) > 0 {
		clauses = " WHERE " + strings.Join(conditions, " AND ")
	}
	clauses += " ORDER BY " + page.Column + " " + direction + ", id " + direction + " LIMIT ?"
	return clauses, append(args, page.Limit)
}

// Pattern returns the value for Contains.
func Pattern(text string) string {
	return "%" + strings.NewReplacer("%", "|%", "_", "|_", "|", "||").Replace(text) + "%"
}

// In returns the list of placeholders for values, and the values.
func In(values []string) (placeholders string, args []any) {
	for _, value := range values {
		args = append(args, value)
	}
	return "(?" + strings.Repeat(", ?", len(values)-1) + ")", args
}
