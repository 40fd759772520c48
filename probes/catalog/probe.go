// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"

	"github.com/spanbridge/spanbridge/bridge"
)

// Limits of a profile. Those of a record are [bridge.MaxValues] and
// [bridge.MaxStrings].
const (
	MaxArg           = 11      // highest argument number
	MaxStringBytes   = 256     // longest string capture, with its NUL
	MaxStringsBytes  = 768     // longest strings of a tier together; bpf/record.h has room for them beside any text
	MaxOffsets       = 4       // pointer loads of a capture
	MaxOffset        = 1 << 20 // furthest offset of a pointer load, either way
	MaxArgs          = 12      // named arguments of a probe
	MaxWhen          = 63      // highest value of a set of a condition's values
	MaxCondition     = 255     // highest value of a condition
	MaxProbeCaptures = 16      // captures of a probe
	MaxByIntegers    = 2       // integers that a metric tells apart

	MaxDetailValues = bridge.DetailValues
	MaxDetailNames  = bridge.DetailNames

	// DefaultStringBytes is the length of a string capture without max.
	DefaultStringBytes = 64
	// TraceparentBytes is the length of a traceparent capture, with its NUL
	// (https://www.w3.org/TR/trace-context/#traceparent-header).
	TraceparentBytes = 56
	// AddressBytes is the length of the longest IP address.
	AddressBytes = 16
)

// Probes are probes of which each one counts. In YAML a single probe needs no list.
type Probes []*Probe

// Probe is a place in a program, and what to read there.
type Probe struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// The probe's address, or several of which the first that exists is taken.
	Addresses Addresses `yaml:"probe" jsonschema:"required"`
	// Of a uprobe: hit where the program calls the function, not at its entry. Calls by way of pointers are not seen. If it is not certain which calls there are, the probes of the tier are at the entries of their functions.
	AtCalls bool `yaml:"at_calls"`
	// With at_calls: calls in this function are left out.
	Except *Handed `yaml:"except"`
	// Only when this argument has one of these values does the operation start.
	When *Condition `yaml:"when"`
	// The lowest level of detail at which a note is attached.
	Detail Detail `yaml:"detail" jsonschema:"enum=query,enum=phases,enum=stages"`
	// Arguments by the names with which paths begin.
	Args Args `yaml:"args"`
	// What to read, by name.
	Captures Captures `yaml:"capture"`
	// Of a probe in the kernel: one or two fields by which an end finds its start; without it that is the thread.
	Key []string `yaml:"key" jsonschema:"minItems=1,maxItems=2" form:"field"`
	// Of a note of an operation with a parent: the values of that operation's first capture for which the note holds.
	Of []int `yaml:"of" jsonschema:"minItems=1,maxItems=64,minimum=0,maximum=63"`
	// Of a probe in the kernel: whose the operation is: a field that is a struct task_struct, or current for the thread at hand, or nobody. Without it, that is the thread at hand of the start.
	Owner string `yaml:"owner" form:"field"`
	// An exported variable of the program, or a field of a probe in the kernel: where it is 0, hits of this probe do not count.
	Given string `yaml:"given" form:"symbol"`
	// Of an end: an integer capture of the tier; while it is 0 the hit captures into the operation, which goes on.
	If string `yaml:"if" form:"capture"`
	// Of an end: it also comes where no operation was begun, and is not counted then. Of a note of an operation with a parent: a program without the function does without what is captured there.
	Optional bool `yaml:"optional"`
	// Of a start: the operation begins here, if an end follows; each hit before that begins it anew, with what notes have captured meanwhile. A hit that does not meet when lays it aside.
	Tentative bool `yaml:"tentative"`
	// Of a start, in a tier with follows: the operation begins here, if another start or an end follows. Of a note of an operation with a parent: what notes have captured before is not of the one that follows.
	Announces bool `yaml:"announces"`
	// Of a note: an end with after_note ends the operation only once this one was hit.
	Last bool `yaml:"last"`
	// Of an end: it is none before the last note was hit.
	AfterNote bool `yaml:"after_note"`
}

// Handed is a function that another one hands to a third, as one does with a
// callback, so that it is known without a name of its own.
type Handed struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// The function that calls another one.
	In string `yaml:"in" jsonschema:"required" form:"symbol"`
	// The function that is called.
	Call string `yaml:"call" jsonschema:"required" form:"symbol"`
	// Number of the argument of that call, from 0.
	Argument int `yaml:"argument" jsonschema:"required,minimum=0,maximum=5"`
}

// Args are arguments of a probe by the names with which paths begin.
type Args []*Arg

// Arg is an argument of a probe by name. In YAML it is the argument's number.
type Arg struct {
	// At is the place in the profile.
	At Where `yaml:"-"`
	// Name is the argument's key in the profile.
	Name string `yaml:"-"`
	// Number of the argument, from 0.
	Number int `yaml:"-"`
}

// Find returns the number of the argument of that name.
func (a Args) Find(name string) (int, bool) {
	for _, arg := range a {
		if arg.Name == name {
			return arg.Number, true
		}
	}
	return 0, false
}

// Addresses are alternatives of which the first that exists is taken. In YAML a
// single address needs no list.
type Addresses []Address

// Kernel reports whether the probe is in the kernel.
func (p *Probe) Kernel() bool { return len(p.Addresses) > 0 && p.Addresses[0].Kind.Kernel() }

// Fields are names of values at probes in the kernel, of which the first that the
// running kernel has is taken: kernels differ. In YAML a single one needs no list.
type Fields []string

// Condition looks at one small integer argument.
type Condition struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// Number of the argument, from 0.
	Arg *int `yaml:"arg" jsonschema:"minimum=0,maximum=11"`
	// At a probe in the kernel: the argument's name, or a field behind it.
	Field Fields `yaml:"field" form:"field"`
	// The result of the function, where it returns.
	Returned bool `yaml:"returned"`
	// Of a probe in the kernel: the field that is the number of a file descriptor; field is then of its struct file.
	Descriptor string `yaml:"descriptor" form:"field"`
	// Of a probe in the kernel: only so many bits of the value, from that bit on, as in [8, 4].
	Bits []int `yaml:"bits" jsonschema:"minItems=2,maxItems=2,minimum=0,maximum=63"`
	// Type of the argument; bool is 1 for whatever is not 0, such as a pointer.
	Type Type `yaml:"type" jsonschema:"required,enum=u8,enum=u16,enum=u32,enum=u64,enum=i8,enum=i16,enum=i32,enum=i64,enum=bool"`
	// The values that satisfy the condition: all from 0 to 63, from 64 to 127, from 128 to 191 or from 192 to 255.
	In []int `yaml:"in" jsonschema:"required,minItems=1,maxItems=64,minimum=0,maximum=255"`
}

// Base returns the number from which the bits of Mask are counted.
func (c *Condition) Base() int {
	if len(c.In) == 0 {
		return 0
	}
	return c.In[0] &^ MaxWhen
}

// Mask returns the condition's values as a set of bits: bit 0 is Base.
func (c *Condition) Mask() uint64 {
	values := make([]int, len(c.In))
	for i, v := range c.In {
		values[i] = v - c.Base()
	}
	return Mask(values)
}

// Mask returns values from 0 to MaxWhen as a set of bits.
func Mask(values []int) uint64 {
	var m uint64
	for _, v := range values {
		if v >= 0 && v <= MaxWhen {
			m |= 1 << v
		}
	}
	return m
}

// Captures are the captures of a probe in the order of the file.
type Captures []*Capture

// Find returns the capture of that name, or nil.
func (c Captures) Find(name string) *Capture {
	for _, capture := range c {
		if capture.Name == name {
			return capture
		}
	}
	return nil
}

// Capture reads one value from the traced thread.
//
// The value begins as one of: an argument of the probe, what was captured before,
// the end of a path, the result of the function that returns, a variable of the program, the time of
// the hit, or a constant. Each offset is one pointer load: with offsets [a, b] an
// integer is read at *(value+a)+b, and a string or sql capture has its first
// byte where the last load points. A null pointer on the way gives 0.
type Capture struct {
	// At is the place in the profile.
	At Where `yaml:"-"`
	// Name is the capture's key in the profile.
	Name string `yaml:"-"`

	// Number of the argument, from 0: of the USDT probe, or of the function by the C calling convention.
	Arg *int `yaml:"arg" jsonschema:"minimum=0,maximum=11"`
	// An integer capture of the same operation that was made before.
	Captured string `yaml:"captured" form:"capture"`
	// Name of the path that leads to the value, from an argument named in args or from a capture of the tier's start. What does not decode in a server is reported, and not captured.
	Path string `yaml:"path" form:"capture"`
	// At a probe in the kernel: an argument by its name, or a field behind it, such as req.q.disk.disk_name.
	Field Fields `yaml:"field" form:"field"`
	// At a probe in the kernel: a field of the current thread's struct task_struct, such as real_parent.tgid.
	Task Fields `yaml:"task" form:"field"`
	// At a probe in the kernel: the field that is the number of a file descriptor; field is then of its struct file.
	Descriptor string `yaml:"descriptor" form:"field"`
	// Of an integer at a probe in the kernel: only so many bits of it, from that bit on: [8, 4] are four bits above the lowest byte.
	Bits []int `yaml:"bits" jsonschema:"minItems=2,maxItems=2,minimum=0,maximum=63"`
	// Of arguments: the field that tells the address where they end.
	End Fields `yaml:"end" form:"field"`
	// Of a field, or of the argument of a function in the kernel: the pointer, or the last one on the way, is into memory of the process.
	User bool `yaml:"user"`
	// The result of the function, where it returns.
	Returned bool `yaml:"returned"`
	// An exported variable of the program that holds the value.
	Variable string `yaml:"variable" form:"symbol"`
	// The time of the hit: CLOCK_MONOTONIC in nanoseconds, u64.
	Time bool `yaml:"time"`
	// This number.
	Constant *int `yaml:"constant"`
	// Type of the value. A string ends at a NUL byte or at max; sql is the text of a statement, which ends at a NUL byte or after length; traceparent is the query attribute of that name in the COM_DATA that the value points to (MySQL from 8.0.23 on). At probes in the kernel: address is an IP address of 4 or 16 bytes, arguments are strings one behind the other, up to end. mdl_key is a lock's key: a byte, the name of a database and one within, each ended by a NUL (m_ptr of class MDL_key, sql/mdl.h).
	Type Type `yaml:"type" jsonschema:"required,enum=u8,enum=u16,enum=u32,enum=u64,enum=i8,enum=i16,enum=i32,enum=i64,enum=string,enum=sql,enum=traceparent,enum=address,enum=arguments,enum=mdl_key"`
	// Longest string in bytes with its NUL, from 1 to 256; by default 64.
	Max int `yaml:"max" jsonschema:"minimum=1,maximum=256"`
	// Where the length of an sql capture in bytes is.
	Length *Length `yaml:"length"`
	// Further pointer loads, each with its offset in bytes.
	Offsets []int `yaml:"offsets" jsonschema:"minItems=1,maxItems=4,minimum=-1048576,maximum=1048576"`
	// Read only when the probe's condition met one of these values.
	When []int `yaml:"when" jsonschema:"minItems=1,maxItems=64,minimum=0,maximum=63"`
	// Read only if this integer capture, of the same probe or of one before it, is not 0.
	If string `yaml:"if" form:"capture"`
	// Of an integer or a string: keep the first one that is not 0 or empty.
	First bool `yaml:"first"`
	// Of an integer: 1 if it equals this number, else 0.
	Equals *int `yaml:"equals" jsonschema:"minimum=0,maximum=65535"`
	// Of an integer at a probe in the kernel: the error number that a negative one stands for, else 0.
	Errno bool `yaml:"errno"`
	// Of an integer at a note of an operation with a parent: 1 if this path leads to the same, else 0.
	Same string `yaml:"same" form:"capture"`
	// Of an integer at a note of an operation with a parent: no value once two hits have given different ones.
	Sole bool `yaml:"sole"`
	// Read only in programs that export this function or variable.
	Needs string `yaml:"needs" form:"symbol"`
}

// WhenMask returns the values at which the capture is read as a set of bits, 0
// for always.
func (c *Capture) WhenMask() uint64 { return Mask(c.When) }

// Length says where the length of a text is.
type Length struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// Number of the argument, from 0.
	Arg *int `yaml:"arg" jsonschema:"minimum=0,maximum=11"`
	// Name of the path that leads to it.
	Path string `yaml:"path" form:"capture"`
	// Further pointer loads, each with its offset in bytes.
	Offsets []int `yaml:"offsets" jsonschema:"minItems=1,maxItems=4,minimum=-1048576,maximum=1048576"`
	// Type of the value; by default u64.
	Type Type `yaml:"type" jsonschema:"enum=u32,enum=u64"`
}

// Type is the type of a capture.
type Type string

// The types. Integers are read in the byte order of the machine.
const (
	TypeU8     Type = "u8"
	TypeU16    Type = "u16"
	TypeU32    Type = "u32"
	TypeU64    Type = "u64"
	TypeI8     Type = "i8"
	TypeI16    Type = "i16"
	TypeI32    Type = "i32"
	TypeI64    Type = "i64"
	TypeString Type = "string" // NUL-terminated bytes
	TypeSQL    Type = "sql"    // the text of a statement
	// TypeBool is of a condition only: 1 for whatever is not 0.
	TypeBool Type = "bool"
	// TypeTraceparent is a query attribute of MySQL.
	TypeTraceparent Type = "traceparent"
	// TypeAddress is an IP address of 4 or 16 bytes, in the kernel.
	TypeAddress Type = "address"
	// TypeArguments are strings one behind the other, each with its NUL, as the
	// arguments of a process are.
	TypeArguments Type = "arguments"
	// TypeMDLKey is the key of a metadata lock, of MySQL and MariaDB.
	TypeMDLKey Type = "mdl_key"
)

// Text reports whether values of the type are strings of a record.
func (t Type) Text() bool {
	return t == TypeString || t == TypeTraceparent || t == TypeAddress || t == TypeArguments || t == TypeMDLKey
}

// Bytes returns the size of an integer type, 0 for other types.
func (t Type) Bytes() int {
	switch t {
	case TypeU8, TypeI8:
		return 1
	case TypeU16, TypeI16:
		return 2
	case TypeU32, TypeI32:
		return 4
	case TypeU64, TypeI64:
		return 8
	default:
		return 0
	}
}

// Integer reports whether the type is an integer.
func (t Type) Integer() bool { return t.Bytes() != 0 }

// Signed reports whether the type is a signed integer.
func (t Type) Signed() bool {
	return slices.Contains([]Type{TypeI8, TypeI16, TypeI32, TypeI64}, t)
}
