// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotFound is wrapped where no source has a symbol of that name and kind.
var ErrNotFound = errors.New("symbol not found")

// ErrRefused is wrapped where a symbol of that name exists and cannot be used:
// several local ones share the name, or its address is not that of its code.
var ErrRefused = errors.New("symbol refused")

// NotFoundError says where a symbol was looked for. It wraps [ErrNotFound].
type NotFoundError struct {
	Kind string // "function" or "variable"
	Name string
	// Searched are the sources that were searched.
	Searched []string
	// Lacking says of every other source why it could not be searched.
	Lacking []string
	// Clones are what the compiler made of the function, at most 4.
	Clones []string
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no %s %s in %s", e.Kind, e.Name, orNothing(e.Searched))
	if len(e.Lacking) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(e.Lacking, "; "))
	}
	if len(e.Clones) > 0 {
		fmt.Fprintf(&b, "; only %s, which the compiler made of it and which may be a part of it or take other arguments",
			strings.Join(e.Clones, ", "))
	}
	return b.String()
}

// Unwrap returns [ErrNotFound].
func (e *NotFoundError) Unwrap() error { return ErrNotFound }

func orNothing(list []string) string {
	if len(list) == 0 {
		return "any symbol table"
	}
	return strings.Join(list, ", ")
}

// refusedError says why a symbol that exists is not used.
type refusedError struct{ kind, name, what string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("look up %s %s: it is %s", e.kind, e.name, e.what)
}

func (e *refusedError) Unwrap() error { return ErrRefused }
