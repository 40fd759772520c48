// SPDX-License-Identifier: Apache-2.0

package bridge

import "github.com/spanbridge/spanbridge/bridge/sqltext"

// verdict is which trace context an outermost statement runs under.
type verdict struct {
	context sqltext.Carrier // with result Found
	result  sqltext.Result  // of the carrier that decides
	stale   sqltext.Carrier // with isStale: of the comment, from when it was prepared
	isStale bool
}

// judge finds the context of an outermost statement. The first carrier that
// has something to say decides, even if that is invalid: a query attribute
// before a comment before the session variable.
func (a *Assembler) judge(r *Record, op *Operation, t *told, st *statement) (v verdict) {
	if v.context, v.result = sqltext.ParseTraceparent(t.context); v.result != sqltext.None {
		return v
	}
	if st.result != sqltext.None {
		if !t.isOld && (!contains(op.Executes, r.Command) || a.followsItsPrepare(r, op, t, st)) {
			v.context, v.result = st.carrier, st.result
			return v
		}
		if v.isStale = st.result == sqltext.Found; v.isStale {
			v.stale = st.carrier
		} else {
			a.countResult(st.result)
		}
	}
	v.context, v.result = a.session(t, st)
	if v.isStale && v.result == sqltext.Found && same(&v.context, &v.stale) {
		v.isStale = false // the variable says that it is current
	}
	return v
}

// note keeps what a statement of the client sets its session's context to, and
// returns it. A statement that is only prepared, fails or has not ended sets nothing.
func (a *Assembler) note(r *Record, op *Operation, t *told) (c sqltext.Carrier, s sqltext.Setting) {
	if t.hasConnection && contains(op.Resets, r.Before) {
		a.connections.reset(t.connection)
	}
	switch {
	case r.Flags&FlagHasText == 0, r.Flags&FlagTextFault != 0, contains(op.Prepares, r.Command):
		return c, s
	case r.Flags&FlagTextCut != 0:
		c, s = sqltext.FindSettingCut(r.Text, r.Tail, op.Dialect)
	default:
		c, s = sqltext.FindSetting(r.Text, op.Dialect)
	}
	if s == sqltext.SettingNone || !t.hasConnection || r.Flags&(FlagFailed|FlagUnfinished) != 0 {
		return c, s
	}
	if s == sqltext.SettingContext {
		state := a.connections.at(t.connection)
		state.session, state.hasSession = c, true
	} else if state := a.connections.of(t.connection); state != nil {
		state.session, state.hasSession = sqltext.Carrier{}, false
	}
	return c, s
}

// session returns the context of the session's variable. A statement that sets
// it was sent within the span that it names, so it is the first one under it.
func (a *Assembler) session(t *told, st *statement) (sqltext.Carrier, sqltext.Result) {
	switch st.setting {
	case sqltext.SettingContext:
		return st.set, sqltext.Found
	case sqltext.SettingUnknown:
		return sqltext.Carrier{}, sqltext.Malformed
	case sqltext.SettingCleared:
		return sqltext.Carrier{}, sqltext.None
	}
	if t.hasConnection {
		if state := a.connections.of(t.connection); state != nil && state.hasSession {
			return state.session, sqltext.Found
		}
	}
	return sqltext.Carrier{}, sqltext.None
}

// followsItsPrepare reports whether the comment of an execution is of its own
// time, although it was sent when the statement was prepared: applications that
// prepare and execute in one call have one span for both. The command before
// this one on the thread has to be a prepare. If the record of that prepare was
// seen, it has to have the same context; if it was sampled out, as older ones of
// the connection may show, the command is all there is to go by.
func (a *Assembler) followsItsPrepare(r *Record, op *Operation, t *told, st *statement) bool {
	if !contains(op.Prepares, r.Before) {
		return false
	}
	if !t.hasConnection {
		return true
	}
	state := a.connections.of(t.connection)
	if state == nil || !state.prepare.seen {
		return true // sampled out, or from before the probes were attached
	}
	p := &state.prepare
	if p.tid != r.TID {
		return false // a thread pool: the thread's last command was another connection's
	}
	if r.Seq != p.seq+1 {
		return true // an older one: the last was sampled out
	}
	return same(&p.context, &st.carrier)
}

// rememberPrepare keeps the context of a prepare for the execution after it.
func (a *Assembler) rememberPrepare(r *Record, op *Operation, t *told, st *statement) {
	if !t.hasConnection || !contains(op.Prepares, r.Command) {
		return
	}
	a.connections.at(t.connection).prepare = prepare{
		seen: true, tid: r.TID, seq: r.Seq, context: bare(&st.carrier),
	}
}

// contains reports whether a command is in a set of commands.
func contains(set uint64, command uint8) bool { return set>>command&1 != 0 }
