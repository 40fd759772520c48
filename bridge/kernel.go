// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// Attributes of OpenTelemetry's semantic conventions v1.43 for processes and
// threads. The kernel's name of a thread is its own, not that of its executable.
const (
	keyProcess    = "process.pid"
	keyThreadName = "thread.name"
)

// threadName is the string of a record of a kernel operation that the name of its
// thread is.
const threadName = MaxStrings - 1

// addKernel makes the span of an operation at probes in the kernel: it carries no
// statement and no trace context, and nothing nests in it.
func (a *Assembler) addKernel(r *Record, op *Operation) {
	span, t := a.kernelSpan(r, op)
	a.counts.Assembled++
	a.spans = append(a.spans, span)
	a.offer(r, op, &t, &span)
}

// kernelSpan makes the span, with more attributes behind its own.
func (a *Assembler) kernelSpan(r *Record, op *Operation, more ...Attr) (Span, told) {
	instance := op.Host
	if instance == nil {
		instance = a.dir.Instance(r.TGID)
	}
	t := a.listen(r, op, instance)
	span := a.newSpan(r, op, instance)
	span.SpanID, span.TraceID = a.ids.inKernel(r)
	if op.NamedBy != nil {
		span.Name = orElse(a.told(r, []*Field{op.NamedBy}), op.Name)
	}
	first := len(a.attrs)
	for i := range op.Fields {
		a.addField(&op.Fields[i], r)
	}
	a.attrs = append(a.attrs, op.Attrs...)
	if span.Status == StatusError {
		kind := errorOther
		if t.number != 0 {
			kind = op.StatusCode(uint32(t.number))
		}
		a.attrs = append(a.attrs, String(keyErrorType, kind))
	}
	if r.Flags&FlagUnfinished != 0 {
		a.describeUnfinished(&span, r, "the thread ended first")
	}
	a.attrs = append(a.attrs, instance.MetricAttrs...)
	if op.Host != nil && r.TGID != 0 {
		a.attrs = append(a.attrs, Int(keyProcess, int64(r.TGID)))
	}
	if r.TID != 0 { // else it is nobody's
		a.attrs = append(a.attrs, Int(keyThread, int64(r.TID)))
	}
	if name := a.threadName(r); name != "" {
		a.attrs = append(a.attrs, String(keyThreadName, name))
	}
	a.attrs = append(a.attrs, String(keyTier, op.Tier))
	a.attrs = append(a.attrs, more...)
	span.Attrs = a.attrs[first:len(a.attrs):len(a.attrs)]
	return span, t
}

// runningInKernel is what is told of such an operation while it runs.
func (a *Assembler) runningInKernel(r *Record, op *Operation) Running {
	age := time.Duration(r.EndNs - r.StartNs)
	span, _ := a.kernelSpan(r, op, Float(keyRunning, age.Seconds()))
	return Running{Span: span, Age: age}
}

func (a *Assembler) threadName(r *Record) string {
	name, _, _ := bytes.Cut(r.Strings[threadName], []byte{0})
	a.name = sqltext.ValidUTF8(a.name[:0], name)
	return a.names.text(a.name)
}

// appendAddress appends an IP address of 4 or 16 bytes as text; what is none
// gives nothing.
func appendAddress(to, address []byte) []byte {
	ip, ok := netip.AddrFromSlice(address)
	if !ok {
		return to
	}
	return ip.Unmap().AppendTo(to)
}

// appendArguments appends strings that lie one behind the other, with spaces
// between.
func appendArguments(to, arguments []byte) []byte {
	arguments = bytes.TrimRight(arguments, "\x00")
	return sqltext.ValidUTF8(to, bytes.ReplaceAll(arguments, []byte{0}, []byte{' '}))
}
