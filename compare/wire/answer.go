// SPDX-License-Identifier: Apache-2.0

package wire

// What the first byte of a server's packet says.
const (
	headOK     = 0x00
	headInfile = 0xfb
	headEOF    = 0xfe
	headError  = 0xff
)

// Flags of a server's status.
const (
	statusMoreResults  = 0x0008
	statusCursor       = 0x0040
	statusStateChanged = 0x4000
)

// progressReport is the error number of MariaDB's reports of progress, which are no errors.
const progressReport = 0xffff

// stage is what is expected next of an answer.
type stage uint8

const (
	stageFirst   stage = iota
	stageColumns       // definitions, so many
	stageRows          // and their end
	stageInfile        // the client sends a file
	stageAuth          // of COM_CHANGE_USER
	stagePrepare       // definitions of parameters and columns, with what ends each
)

// answer is how far a command was answered.
type answer struct {
	stage   stage
	left    int  // definitions
	second  int  // of columns, behind those of parameters
	ending  bool // the packet that ends definitions may come
	outcome outcome
}

// outcome is what became of a statement.
type outcome struct {
	sent     uint64
	affected uint64
	counts   bool // affected is told
	err      uint32
	state    []byte
	status   uint16
	schema   []byte // the database that is the current one now
	moved    bool   // schema counts
	plain    bool   // it ended without rows
}

// form is how the two sides of a connection write to each other.
type form struct {
	caps   uint64
	agreed bool // caps are known
	// Where they are not, what was recognised of them.
	recognised, deprecated bool
}

// deprecatesEOF reports whether results end with an OK packet, and whether that is known.
func (f *form) deprecatesEOF() (deprecated, known bool) {
	if f.agreed {
		return f.caps&clientDeprecateEOF != 0, true
	}
	return f.deprecated, f.recognised
}

func (f *form) recognise(deprecated bool) {
	if !f.agreed && !f.recognised {
		f.recognised, f.deprecated = true, deprecated
	}
}

// isEOF reports whether a packet is of the older form of an end.
func isEOF(p *packet) bool { return p.head[0] == headEOF && p.size == 5 }

// ends reports whether a packet ends rows, in either form.
func (f *form) ends(p *packet) bool {
	if p.head[0] != headEOF {
		return false
	}
	if deprecated, known := f.deprecatesEOF(); known && !deprecated {
		return p.size < 9
	}
	return p.size < largest
}

// step takes a packet of an answer. It reports whether a result is complete, and whether the packet can be what it
// should.
func (f *form) step(q *command, p *packet) (complete, ok bool) {
	a := &q.answer
	if p.head[0] == headError { // no row and no definition begins so
		return f.failed(a, p)
	}
	switch a.stage {
	case stageFirst:
		return f.first(q, p)
	case stageColumns:
		if a.left--; a.left == 0 {
			a.stage, a.ending = stageRows, true
		}
		return false, true
	case stageRows:
		return f.row(a, p)
	case stageInfile, stageAuth:
		return f.plain(a, p)
	default:
		return f.definition(a, p)
	}
}

// failed takes an error.
func (f *form) failed(a *answer, p *packet) (complete, ok bool) {
	r := fieldsOf(p.head[1:])
	number := uint32(r.uint(2))
	if !r.ok {
		return false, false
	}
	if number == progressReport {
		return false, true
	}
	a.outcome.err, a.outcome.status, a.outcome.plain = number, 0, true
	if len(r.rest) >= 6 && r.rest[0] == '#' {
		a.outcome.state = r.rest[1:6]
	}
	return true, true
}

// first takes the packet that begins an answer, or the next of several results.
func (f *form) first(q *command, p *packet) (complete, ok bool) {
	a := &q.answer
	switch {
	case q.code == comStatistics:
		return true, true
	case q.code == comChangeUser:
		a.stage = stageAuth
		return f.plain(a, p)
	case q.code == comPrepare:
		return f.prepared(q, p)
	case q.code == comFetch, q.code == comFieldList:
		a.stage = stageRows
		return f.row(a, p)
	case p.head[0] == headOK:
		return f.plain(a, p)
	case q.code != comQuery && q.code != comExecute && q.code != comBulkExecute:
		return isEOF(p), isEOF(p) // of COM_SET_OPTION, COM_DEBUG
	case p.head[0] == headInfile:
		a.stage = stageInfile
		return false, true
	}
	return false, f.columns(a, p)
}

// columns takes the number of columns.
func (f *form) columns(a *answer, p *packet) bool {
	r := fieldsOf(p.head)
	told := true
	if f.caps&clientOptionalMetadata != 0 {
		told = r.uint(1) == 1
	}
	n := r.length()
	if f.caps&mariaCacheMetadata != 0 || !f.agreed && len(r.rest) == 1 {
		told = r.uint(1) == 1
	}
	if !r.ok || n == 0 || n > 1<<16 || len(r.rest) > 0 {
		return false
	}
	a.stage, a.left = stageColumns, int(n)
	if !told {
		a.stage, a.ending = stageRows, true
	}
	return true
}

// row takes a row, what ends the definitions before the rows, or what ends these.
func (f *form) row(a *answer, p *packet) (complete, ok bool) {
	if a.ending {
		a.ending = false
		if deprecated, known := f.deprecatesEOF(); (!known || !deprecated) && isEOF(p) {
			f.recognise(false)
			a.outcome.status = uint16(fieldsOf(p.head[3:]).uint(2))
			return a.outcome.status&statusCursor != 0, true // rows are fetched with another command
		}
		f.recognise(true)
	}
	if !f.ends(p) {
		a.outcome.sent++
		return false, true
	}
	if isEOF(p) {
		a.outcome.status = uint16(fieldsOf(p.head[3:]).uint(2))
		return true, true
	}
	return f.end(a, p)
}

// plain takes an answer without rows; where a client proves who it is there may be several.
func (f *form) plain(a *answer, p *packet) (complete, ok bool) {
	if p.head[0] != headOK {
		return false, a.stage == stageAuth && p.head[0] <= headEOF
	}
	a.outcome.counts, a.outcome.plain = true, true
	return f.end(a, p)
}

// end takes an OK packet, behind its first byte.
func (f *form) end(a *answer, p *packet) (complete, ok bool) {
	r := fieldsOf(p.head[1:])
	a.outcome.affected = r.length()
	r.length() // last inserted id
	a.outcome.status = uint16(r.uint(2))
	r.uint(2) // warnings
	if !r.ok {
		return false, false
	}
	if f.caps&clientSessionTrack != 0 && a.outcome.status&statusStateChanged != 0 {
		r.counted() // a message for people
		a.outcome.track(fieldsOf(r.counted()))
	}
	return true, true
}

// track reads what changed in the session (SESSION_TRACK_SCHEMA).
func (o *outcome) track(r *fields) {
	const schema = 1
	for len(r.rest) > 0 {
		kind, data := r.uint(1), r.counted()
		if kind == schema && r.ok {
			o.schema, o.moved = fieldsOf(data).counted(), true
		}
	}
}

// prepared takes what begins the answer to COM_STMT_PREPARE.
func (f *form) prepared(q *command, p *packet) (complete, ok bool) {
	r := fieldsOf(p.head)
	if r.uint(1) != headOK {
		return false, false
	}
	q.stmt = uint32(r.uint(4))
	columns, parameters := int(r.uint(2)), int(r.uint(2))
	r.take(1)
	r.uint(2) // warnings
	if f.caps&clientOptionalMetadata != 0 && len(r.rest) > 0 && r.uint(1) == 0 {
		columns, parameters = 0, 0
	}
	a := &q.answer
	if a.left, a.second = parameters, columns; parameters == 0 {
		a.left, a.second = columns, 0
	}
	a.stage = stagePrepare
	return a.left == 0, r.ok
}

// definition takes one of a parameter or a column, or what ends them.
func (f *form) definition(a *answer, p *packet) (complete, ok bool) {
	deprecated, known := f.deprecatesEOF()
	if a.ending {
		a.ending = false
		if isEOF(p) {
			f.recognise(false)
			a.left, a.second = a.second, 0
			return a.left == 0, !known || !deprecated
		}
		f.recognise(true)
		a.left, a.second = a.second, 0
	}
	if a.left--; a.left > 0 {
		return false, a.left >= 0
	}
	if !known && a.second == 0 {
		return true, true // an end may follow, see conn.trailing
	}
	if known && deprecated {
		a.left, a.second = a.second, 0
		return a.left == 0, true
	}
	a.ending = true
	return false, true
}
