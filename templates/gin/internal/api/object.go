package api

import (
	"github.com/go-json-experiment/json"
)

// jsonObject is a JSON object whose members have an order of their own.
type jsonObject struct {
	text []byte
}

func (o *jsonObject) add(name string, value any) {
	encodedName, _ := json.Marshal(name)
	encoded, err := json.Marshal(value)
	if err != nil {
		return // what cannot be written is left out of an error reply
	}
	separator := byte(',')
	if len(o.text) == 0 {
		separator = '{'
	}
	o.text = append(o.text, separator)
	o.text = append(o.text, encodedName...)
	o.text = append(o.text, ':')
	o.text = append(o.text, encoded...)
}

func (o *jsonObject) bytes() []byte { return append(o.text, '}') }
