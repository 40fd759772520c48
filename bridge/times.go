// SPDX-License-Identifier: Apache-2.0

package bridge

// TimeClass is what a thread spends its time with. The classes are all there are.
type TimeClass uint8

// The classes, in the order of the kernel side.
const (
	TimeCPU TimeClass = iota
	TimeRunQueue
	TimeLock
	TimeDisk
	TimeSync
	TimeNetwork
	TimeSleep
	TimeOther
	NumTimes
)

// timeNames are values of the attribute spanbridge.time.class, and ends of the
// keys of a span's attributes.
var timeNames = [NumTimes]string{"cpu", "run_queue", "lock", "disk", "sync", "network", "sleep", "other"}

func (c TimeClass) String() string {
	if c >= NumTimes {
		return "unknown"
	}
	return timeNames[c]
}

// ParseTimeClass returns the class of that name.
func ParseTimeClass(name string) (class TimeClass, ok bool) {
	for c := range NumTimes {
		if c.String() == name {
			return c, true
		}
	}
	return 0, false
}

// Times is what the thread of an operation did meanwhile, as the kernel's
// scheduler saw it. It lasts from the start to the end of the operation, so that
// the classes add up to its duration.
type Times struct {
	Ns          [NumTimes]uint64
	MinorFaults uint32 // page faults that needed no reading
	MajorFaults uint32 // page faults that did
	Voluntary   uint32 // times that the thread left the CPU to wait
	Involuntary uint32 // times that it left it for another thread
}

// Wait is one of the longer waits of an operation.
type Wait struct {
	Class      TimeClass
	Depth      uint16 // nesting below the record's own operation, from 1
	StartNs    uint64 // CLOCK_MONOTONIC, nanoseconds
	DurationNs uint64
}

// now returns what the thread of an operation was at when it was looked at.
func (r *Record) now() (class TimeClass, known bool) {
	return TimeClass(r.Now - 1), r.Now > 0 && TimeClass(r.Now) <= NumTimes
}

// Attributes of where the time went. Durations are in seconds.
const (
	keyTimeClass   = "spanbridge.time.class"
	keyTimeNow     = "spanbridge.time.now"
	keyMinorFaults = "spanbridge.page_faults.minor"
	keyMajorFaults = "spanbridge.page_faults.major"
	keyVoluntary   = "spanbridge.context_switches.voluntary"
	keyInvoluntary = "spanbridge.context_switches.involuntary"

	tierKernel = "kernel"
)

var timeKeys = [NumTimes]string{
	"spanbridge.time.cpu", "spanbridge.time.run_queue", "spanbridge.time.lock", "spanbridge.time.disk",
	"spanbridge.time.sync", "spanbridge.time.network", "spanbridge.time.sleep", "spanbridge.time.other",
}

// waitNames are the names of the spans of waits; no wait is on the CPU.
var waitNames = [NumTimes]string{
	TimeCPU: "on CPU", TimeRunQueue: "run queue", TimeLock: "lock wait", TimeDisk: "disk wait", TimeSync: "sync wait",
	TimeNetwork: "network wait", TimeSleep: "sleep", TimeOther: "other wait",
}

// describeTimes appends where the time went. What is zero is left out.
func (a *Assembler) describeTimes(r *Record) {
	if r.Flags&FlagTimed == 0 {
		return
	}
	for class, ns := range r.Times.Ns {
		if ns > 0 {
			a.attrs = append(a.attrs, Float(timeKeys[class], float64(ns)/1e9))
		}
	}
	for _, n := range [...]struct {
		key   string
		count uint32
	}{
		{keyMinorFaults, r.Times.MinorFaults}, {keyMajorFaults, r.Times.MajorFaults},
		{keyVoluntary, r.Times.Voluntary}, {keyInvoluntary, r.Times.Involuntary},
	} {
		if n.count > 0 {
			a.attrs = append(a.attrs, Int(n.key, int64(n.count)))
		}
	}
}
