// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/json"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// decodeResponse reads an ExportTraceServiceResponse. The few fields do not
// justify the official types, whose registration costs every start.
func decodeResponse(data []byte) (answer, error) {
	var a answer
	err := eachField(data, func(number protowire.Number, _ uint64, message []byte) error {
		if number != 1 { // partial_success
			return nil
		}
		return eachField(message, func(number protowire.Number, n uint64, text []byte) error {
			switch number {
			case 1:
				a.rejected = int64(n)
			case 2:
				a.message = string(text)
			}
			return nil
		})
	})
	return a, err
}

// decodeStatus returns the message of a google.rpc.Status, with which a
// receiver explains an HTTP failure.
func decodeStatus(data []byte) (string, error) {
	var message string
	err := eachField(data, func(number protowire.Number, _ uint64, text []byte) error {
		if number == 2 {
			message = string(text)
		}
		return nil
	})
	return message, err
}

// eachField calls f for every field: with a varint's value or with the content
// of a length-delimited one.
func eachField(data []byte, f func(protowire.Number, uint64, []byte) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("decode tag: %w", protowire.ParseError(n))
		}
		data = data[n:]
		var varint uint64
		var content []byte
		switch kind {
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			content, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return fmt.Errorf("decode field %d: %w", number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := f(number, varint, content); err != nil {
			return err
		}
	}
	return nil
}

// decodeResponseJSON reads the JSON form, in which 64-bit numbers are strings
// and senders are asked to tolerate numbers.
func decodeResponseJSON(data []byte) (answer, error) {
	var response struct {
		PartialSuccess struct {
			RejectedSpans json.RawMessage `json:"rejectedSpans"`
			ErrorMessage  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if err := json.Unmarshal(data, &response); err != nil {
		return answer{}, fmt.Errorf("decode response: %w", err)
	}
	a := answer{message: response.PartialSuccess.ErrorMessage}
	number := string(response.PartialSuccess.RejectedSpans)
	if number == "" || number == "null" {
		return a, nil
	}
	if text, err := strconv.Unquote(number); err == nil {
		number = text
	}
	rejected, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return answer{}, fmt.Errorf("decode rejectedSpans: %w", err)
	}
	a.rejected = rejected
	return a, nil
}
