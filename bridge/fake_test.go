// SPDX-License-Identifier: Apache-2.0

package bridge

import "github.com/spanbridge/spanbridge/bridge/sqltext"

// offsetClock puts CLOCK_MONOTONIC's zero at a fixed wall clock time.
type offsetClock int64

func (c offsetClock) Unix(monotonicNs uint64) int64 { return int64(monotonicNs) + int64(c) }

const bootTime offsetClock = 1_700_000_000_000_000_000

// fakeDirectory knows the operations of a test.
type fakeDirectory struct {
	ops      []*Operation
	instance Instance
}

func (d *fakeDirectory) Operation(op uint16) *Operation {
	if int(op) >= len(d.ops) {
		return nil
	}
	return d.ops[op]
}

func (d *fakeDirectory) Instance(uint32) *Instance { return &d.instance }

// Operations of the tests, by number.
const (
	opQuery uint16 = iota
	opExecute
	opSort
	opWhole  // a query of which all is captured
	opNested // statements within those
	opWait
	opTransaction
	opUnknown
)

// Commands of opWhole.
const (
	commandQuery, commandPrepare, commandExecute = 3, 22, 23
	commandClose, commandReset                   = 25, 31
)

// Slots of opWhole: of strings, then of values.
const (
	slotSQLState, slotMessage, slotContext = 0, 1, 2

	slotConnection, slotError, slotBoundary, slotOutcome = 0, 1, 2, 3
)

func newDirectory() *fakeDirectory {
	return &fakeDirectory{
		instance: Instance{
			Resource:    &Resource{Attrs: []Attr{String("service.name", "mariadb")}},
			MetricAttrs: []Attr{Int("server.port", 3306)},
		},
		ops: []*Operation{
			{
				Name: "query", System: "mariadb", Tier: "plugin", Kind: KindServer, SpanName: "{summary}",
				HasText: true, Dialect: sqltext.MySQL, Metric: "db.server.operation.duration",
				Fields: []Field{
					{Name: "connection", Attr: "spanbridge.connection.id", Type: FieldUint, Slot: 0},
					{Name: "command", Attr: "spanbridge.command", Slot: 1, Names: map[uint64]string{3: "Query"}},
					{Name: "error", Slot: 2, Role: RoleErrorNumber},
					{Name: "namespace", Attr: "db.namespace", Type: FieldString, Slot: 0, Role: RoleNamespace, OmitZero: true},
					{Name: "user", Attr: "user.name", Type: FieldString, Slot: 1, OmitZero: true},
				},
			},
			{Name: "execute", System: "mariadb", Tier: "plugin", Kind: KindInternal, Inline: true},
			{
				Name: "sort", System: "mariadb", Tier: "plugin", Kind: KindInternal, Inline: true,
				Fields: []Field{{Name: "rows", Attr: "spanbridge.sort.rows"}},
			},
			{
				Name: "query", System: "mysql", Tier: "uprobe", Kind: KindServer, SpanName: "{summary}", HasText: true,
				Fields: []Field{
					{Name: "connection", Attr: "spanbridge.connection.id", Slot: slotConnection, Role: RoleConnection},
					{Name: "error", Slot: slotError, Role: RoleErrorNumber},
					{Name: "executed", Attr: "never.boundary", Slot: slotBoundary, Role: RoleBoundary},
					{Name: "sqlstate", Attr: "spanbridge.sqlstate", Type: FieldString, Slot: slotSQLState, Role: RoleSQLState},
					{Name: "message", Attr: "never.message", Type: FieldString, Slot: slotMessage, Role: RoleMessage},
					{Name: "traceparent", Attr: "never.context", Type: FieldString, Slot: slotContext, Role: RoleContext},
				},
				Phases:   [2]string{"parse", "execute"},
				Executes: 1 << commandExecute, Prepares: 1 << commandPrepare, Resets: 1 << commandReset,
			},
			{Name: "nested", System: "mysql", Tier: "uprobe", Kind: KindInternal, SpanName: "{summary}", HasText: true},
			{
				Name: "wait", Kind: KindInternal, Inline: true, SpanName: "wait", Names: map[uint64]string{7: "row lock"},
				Fields: []Field{{Name: "type", Attr: "spanbridge.wait"}},
			},
			{
				Name: "transaction", System: "mysql", Kind: KindInternal, Apart: true, Metric: "spanbridge.transaction.duration",
				Fields: []Field{
					{Name: "connection", Attr: "spanbridge.connection.id", Slot: slotConnection, Role: RoleConnection},
					{Name: "error", Slot: slotError, Role: RoleErrorNumber},
					{Name: "outcome", Attr: "spanbridge.transaction.outcome", Slot: slotOutcome, Names: map[uint64]string{1: "commit"}, OmitZero: true},
				},
			},
		},
	}
}

func newAssembler(cfg AssemblerConfig) *Assembler {
	return NewAssembler(cfg, newDirectory(), bootTime, &Exemplars{})
}

// query is the record of a finished statement.
func query(text string, change ...func(*Record)) *Record {
	r := &Record{
		Op: opQuery, Flags: FlagHasText, TGID: 7, TID: 8, Seq: 1, StartNs: 1000, EndNs: 251_000,
		Text: []byte(text), TextLength: uint64(len(text)),
	}
	r.Values[0], r.Values[1] = 42, 3
	r.Strings[0], r.Strings[1] = []byte("shop"), []byte("ada")
	for _, c := range change {
		c(r)
	}
	return r
}

// whole is the record of a statement of opWhole, of connection 42.
func whole(text string, change ...func(*Record)) *Record {
	r := &Record{
		Op: opWhole, Flags: FlagHasText, TGID: 7, TID: 8, Seq: 1, StartNs: 1000, EndNs: 251_000,
		Command: commandQuery, Before: commandQuery, Text: []byte(text), TextLength: uint64(len(text)),
	}
	r.Values[slotConnection] = 42
	for _, c := range change {
		c(r)
	}
	return r
}

func on(connection uint64) func(*Record) {
	return func(r *Record) { r.Values[slotConnection] = connection }
}

func as(command, before uint8) func(*Record) {
	return func(r *Record) { r.Command, r.Before = command, before }
}

func flagged(flags RecordFlags) func(*Record) { return func(r *Record) { r.Flags |= flags } }

func attrsOf(s *Span) map[string]string {
	m := make(map[string]string)
	for _, a := range s.Attrs {
		m[a.Key] = a.Text()
	}
	return m
}
