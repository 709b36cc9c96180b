package finetune

import "encoding/json"

// longest is more seconds than a run takes: a thousand years.
const longest = 3e10

// addEarlier adds what a run cost before it went on: its log knows how long
// every epoch took, the bytes of an earlier result.json, if there is one, the
// rest.
func (out *Outcome) addEarlier(result []byte, log []Epoch) {
	var earlier struct {
		Seconds        float64 `json:"seconds"`
		ExtractSeconds float64 `json:"extract_seconds"`
		PeakMemory     int64   `json:"peak_memory_bytes"`
	}
	if json.Unmarshal(result, &earlier) != nil || !(earlier.Seconds < longest && earlier.ExtractSeconds < longest) {
		earlier.Seconds, earlier.ExtractSeconds, earlier.PeakMemory = 0, 0, 0 // none or damaged: it is written anew
	}
	epochs := 0.0
	for _, e := range log {
		epochs += e.Seconds
	}
	before := max(0, epochs-out.TrainSeconds) // seconds of epochs of earlier processes
	out.Seconds += max(earlier.Seconds, before)
	out.TrainSeconds = epochs
	out.ExtractSeconds += earlier.ExtractSeconds
	out.PeakMemory = max(out.PeakMemory, earlier.PeakMemory)
}
