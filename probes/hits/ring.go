// SPDX-License-Identifier: Apache-2.0

package hits

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/ringbuf"
)

// Ring is how long records take through a ring buffer.
type Ring struct {
	Missing string // why it could not be measured
	// WriteNs is what a record takes of the thread that writes it, and ReadNs of the one that
	// reads it; of each slice.
	WriteNs, ReadNs []float64
	Steps           []float64 // as in Kind
}

const (
	// RecordBytes is the size of a record: about that of a short statement.
	RecordBytes = 512
	ringBytes   = 1 << 20
	ringRecords = 1000 // of a run; they fit into the buffer
)

// ring is a buffer, with a program that fills it when it is run.
type ring struct {
	buffer  *ebpf.Map
	program *ebpf.Program
	reader  *ringbuf.Reader
}

func openRing() (_ *ring, err error) {
	r := &ring{}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.buffer, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: ringBytes}); err != nil {
		return nil, err
	}
	if r.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Syscall, Flags: sleepable, License: "Dual BSD/GPL", Instructions: writeRecords(r.buffer.FD()),
	}); err != nil {
		return nil, err
	}
	if r.reader, err = ringbuf.NewReader(r.buffer); err != nil {
		return nil, err
	}
	r.reader.SetDeadline(time.Unix(1, 0)) // never wait: nobody wakes it
	return r, nil
}

// writeRecords reserves and submits records, as spanbridge's programs do, and wakes
// nobody: it returns how many found room.
func writeRecords(buffer int) asm.Instructions {
	const noWakeup = 1 // BPF_RB_NO_WAKEUP
	return asm.Instructions{
		asm.Mov.Imm(asm.R6, ringRecords),
		asm.Mov.Imm(asm.R7, 0),
		asm.LoadMapPtr(asm.R1, buffer).WithSymbol("next"),
		asm.Mov.Imm(asm.R2, RecordBytes),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, "full"),
		asm.StoreMem(asm.R0, 0, asm.R6, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.Mov.Imm(asm.R2, noWakeup),
		asm.FnRingbufSubmit.Call(),
		asm.Add.Imm(asm.R7, 1),
		asm.Sub.Imm(asm.R6, 1).WithSymbol("full"),
		asm.JNE.Imm(asm.R6, 0, "next"),
		asm.Mov.Reg(asm.R0, asm.R7),
		asm.Return(),
	}
}

func (r *ring) close() {
	if r.reader != nil {
		r.reader.Close()
	}
	if r.program != nil {
		r.program.Close()
	}
	if r.buffer != nil {
		r.buffer.Close()
	}
}

// slice measures both ways once.
func (r *ring) slice(of *Ring) error {
	leastWrite, leastRead := 0.0, 0.0
	for i := range runs {
		write, err := r.write()
		if err != nil {
			return err
		}
		read, err := r.read()
		if err != nil {
			return err
		}
		if i == 0 || write < leastWrite {
			leastWrite = write
		}
		if i == 0 || read < leastRead {
			leastRead = read
		}
	}
	step, err := shortest(arithmetic)
	of.Steps = append(of.Steps, step)
	of.WriteNs, of.ReadNs = append(of.WriteNs, leastWrite), append(of.ReadNs, leastRead)
	return err
}

func (r *ring) write() (ns float64, err error) {
	begin, err := spent()
	if err != nil {
		return 0, err
	}
	found, err := r.program.Run(&ebpf.RunOptions{})
	if err != nil {
		return 0, fmt.Errorf("write to the ring buffer: %w", err)
	}
	if found != ringRecords {
		return 0, fmt.Errorf("the ring buffer had room for %d records, not for %d", found, ringRecords)
	}
	end, err := spent()
	return float64(end-begin) / ringRecords, err
}

func (r *ring) read() (ns float64, err error) {
	begin, err := spent()
	if err != nil {
		return 0, err
	}
	var record ringbuf.Record
	for range ringRecords {
		if err := r.reader.ReadInto(&record); err != nil {
			return 0, fmt.Errorf("read the ring buffer: %w", err)
		}
		if len(record.RawSample) != RecordBytes {
			return 0, errors.New("a record came out of the ring buffer with another size")
		}
	}
	end, err := spent()
	return float64(end-begin) / ringRecords, err
}
