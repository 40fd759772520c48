// SPDX-License-Identifier: Apache-2.0

package catalog

import "github.com/spanbridge/spanbridge/bridge"

// Attributes are span attributes in the order of the file.
type Attributes []*Attribute

// Attribute is a span attribute with the value of a capture or a constant. In
// YAML the name of the capture alone suffices.
type Attribute struct {
	// At is the place in the profile.
	At Where `yaml:"-"`
	// Key is the attribute's key in the profile.
	Key string `yaml:"-"`

	// Name of the capture that gives the value. A tier without it gives no attribute.
	Capture string `yaml:"capture" form:"capture"`
	// Leave the attribute out when the value is 0 or empty.
	OmitZero bool `yaml:"omit_zero"`
	// Text for values of an integer capture; others keep their number.
	Names map[uint64]string `yaml:"names" form:"line"`
	// Names of the kernel for values of an integer capture.
	Table Table `yaml:"table" jsonschema:"enum=devices,enum=errors,enum=statuses,enum=syscalls"`
	// The value may be a secret, as arguments of a program are: it is there only with --raw-text.
	Raw bool `yaml:"raw"`
	// A constant instead of a capture: text, a whole number or a truth value.
	Value *Constant `yaml:"value"`
}

// Table is a table of the kernel's names for numbers, which differ from one
// architecture to the other.
type Table string

// The tables.
const (
	TableDevices  Table = "devices"  // of disks and their parts, as a dev_t: vda1
	TableErrors   Table = "errors"   // ENOENT
	TableStatuses Table = "statuses" // of processes that ended: 1, SIGKILL
	TableSyscalls Table = "syscalls" // openat
)

// Constant is the value of an attribute that is the same on every span.
type Constant struct {
	value any // string, int64 or bool
}

// Attr returns the constant as an attribute of that key.
func (c *Constant) Attr(key string) bridge.Attr {
	switch v := c.value.(type) {
	case int64:
		return bridge.Int(key, v)
	case bool:
		return bridge.Bool(key, v)
	case string:
		return bridge.String(key, v)
	default:
		return bridge.String(key, "")
	}
}

// madeByBridge lists the attributes that the bridge sets itself from roles and
// from the statement; a profile cannot.
func madeByBridge(key string) bool {
	switch key {
	case "db.query.text", "db.query.summary", "db.system.name", "db.response.status_code", "error.type":
		return true
	}
	return false
}
