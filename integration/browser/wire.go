// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// timeout is how long one answer may take.
const timeout = 30 * time.Second

// wire carries the messages of the protocol, one call at a time.
type wire struct {
	out    *os.File
	in     *os.File
	reader *bufio.Reader
	last   int
	events []event // since they were last taken
}

// event is what the browser tells unasked.
type event struct {
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type answer struct {
	event
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// connect starts the command with both ends of the wire.
func connect(cmd *exec.Cmd) (*wire, error) {
	theirIn, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	in, theirOut, err := os.Pipe()
	if err != nil {
		out.Close()
		return nil, err
	}
	defer theirOut.Close()
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	w := &wire{out: out, in: in, reader: bufio.NewReader(in)}
	if err := cmd.Start(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *wire) close() {
	w.out.Close()
	w.in.Close()
}

// call sends a command, of a page's session or "", and waits for its answer.
func (w *wire) call(session, method string, params, result any) error {
	w.last++
	text, err := json.Marshal(struct {
		ID      int    `json:"id"`
		Session string `json:"sessionId,omitempty"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{w.last, session, method, params})
	if err != nil {
		return err
	}
	if _, err := w.out.Write(append(text, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		a, err := w.next()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case a.ID != w.last:
			continue
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(a.Result, result)
	}
}

// next reads a message; events are kept.
func (w *wire) next() (*answer, error) {
	if err := w.in.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	text, err := w.reader.ReadBytes(0)
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(text[:len(text)-1], &a); err != nil {
		return nil, err
	}
	if a.ID == 0 {
		w.events = append(w.events, a.event)
	}
	return &a, nil
}

// await reads until an event of a session has come.
func (w *wire) await(session, method string) error {
	for from := 0; ; {
		for ; from < len(w.events); from++ {
			if e := &w.events[from]; e.Session == session && e.Method == method {
				return nil
			}
		}
		if _, err := w.next(); err != nil {
			return fmt.Errorf("wait for %s: %w", method, err)
		}
	}
}
