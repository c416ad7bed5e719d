// Writes values.json: texts and annotations with what Go, Kubernetes and Knative themselves say of them, against
// which the policies' own reading is tested. Run it again for another version of Knative:
//
//	go run . > values.json
package main

import (
	"context"
	"encoding/json"
	"math/big"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/autoscaler/config/autoscalerconfig"
)

// reading is a text and its value as a text, or null where it is refused.
type reading [2]any

// verdict is a set of annotations, by their names without the prefix, and whether Knative's webhook accepts it.
type verdict struct {
	Annotations map[string]string `json:"annotations"`
	Accepted    bool              `json:"accepted"`
}

const prefix = "autoscaling.knative.dev/"

var random = rand.New(rand.NewSource(1))

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if err := out.Encode(map[string]any{
		"int32":       read(texts(300, "0123456789+-_ .ex", handPicked), int32Of),
		"float64":     read(texts(600, "0123456789+-.eE_ xnaif", handPicked), float64Of),
		"duration":    read(append(texts(300, "0123456789.+-hmsnuµ ", handPicked), durations(600)...), durationOf),
		"quantity":    read(append(texts(300, "0123456789.+-eEinumkKMGTP ", handPicked), quantities(600)...), quantityOf),
		"annotations": verdicts(1500),
	}); err != nil {
		panic(err)
	}
}

var handPicked = []string{
	"", "0", "-0", "+0", "1", "-1", "+1", "01", "1.", ".1", ".", "1.5", "1e3", "1E-3", "1e", "e1", " 1", "1 ", "1_000", "0x10", "0x1p4",
	"NaN", "inf", "-Inf", "Infinity", "1e400", "2147483647", "2147483648", "-2147483648", "-2147483649", "99999999999999999999",
	"0s", "0.s", ".0s", ".s", "s", "1s", "-1s", "+1s", "1h", "1m30s", "1m 30s", "1.5h", "1us", "1µs", "1μs", "1ns", "0.5ns", "1d", "60", "-0", "+0s",
	"9223372036s", "9223372037s", "2562047h", "2562048h", "1s1", "1ss", "1S",
	"1Ki", "1ki", "1k", "1K", "1m", "1000m", "1u", "1n", "0.5n", "1.5Gi", "12Gi", "1e3Ki", "1E", "1Ei", "1E3", "1e-3", "-5", "+5", "3 ", "1,5",
}

func texts(count int, alphabet string, more []string) []string {
	letters := []rune(alphabet)
	all := append([]string{}, more...)
	for range count {
		length := 1 + random.Intn(6)
		text := ""
		for range length {
			text += string(letters[random.Intn(len(letters))])
		}
		all = append(all, text)
	}
	return all
}

func number() string {
	switch random.Intn(4) {
	case 0:
		return strconv.Itoa(random.Intn(10))
	case 1:
		return strconv.Itoa(random.Intn(5000))
	case 2:
		return strconv.Itoa(random.Intn(100)) + "." + strconv.Itoa(random.Intn(1000))
	default:
		return "." + strconv.Itoa(random.Intn(100))
	}
}

func pick(from ...string) string { return from[random.Intn(len(from))] }

func durations(count int) []string {
	all := []string{}
	for range count {
		text := pick("", "", "", "-", "+")
		for range 1 + random.Intn(3) {
			text += number() + pick("ns", "us", "µs", "ms", "s", "s", "m", "h")
		}
		all = append(all, text)
	}
	return all
}

func quantities(count int) []string {
	all := []string{}
	for range count {
		all = append(all, pick("", "", "", "+", "-")+number()+
			pick("", "", "m", "u", "n", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-3", "e+2", "K"))
	}
	return all
}

func read(all []string, value func(string) any) []reading {
	readings := []reading{}
	seen := map[string]bool{}
	for _, text := range all {
		if !seen[text] {
			seen[text] = true
			readings = append(readings, reading{text, value(text)})
		}
	}
	return readings
}

func int32Of(text string) any {
	value, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil
	}
	return strconv.FormatInt(value, 10)
}

func float64Of(text string) any {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func durationOf(text string) any {
	value, err := time.ParseDuration(text)
	if err != nil {
		return nil
	}
	return strconv.FormatInt(int64(value), 10)
}

// quantityOf gives billionths, or null also for what is below zero.
func quantityOf(text string) any {
	value, err := resource.ParseQuantity(text)
	if err != nil || strings.HasPrefix(text, "-") {
		return nil
	}
	number := value.AsDec()
	unscaled, scale := new(big.Int).Set(number.UnscaledBig()), int64(number.Scale())
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(abs(9-scale)), nil)
	if scale <= 9 {
		return unscaled.Mul(unscaled, power).String()
	}
	panic(text + " is finer than a billionth")
}

func abs(value int64) int64 { return max(value, -value) }

func verdicts(count int) []verdict {
	config := &autoscalerconfig.Config{MaxScaleLimit: 10, MaxScale: 10}
	counts := []string{"-1", "0", "1", "2", "3", "9", "10", "11", "+2", "02", "2.0", "", "two", "4294967298"}
	percent := []string{"0", "0.99", "1", "50", "85", "90", "90.5", "100", "100.1", "110", "109.9", "200", "1000", "1000.5", "1e2", "-1", "", "x"}
	lengths := []string{"0", "0s", "5s", "5.9s", "6s", "6000ms", "6.5s", "60s", "1m", "1m30s", "1h", "3601s", "1h0.5s", "-1s", "60", "", "x", "2h"}
	keys := []struct {
		spellings []string
		values    []string
	}{
		{[]string{"min-scale", "minScale"}, counts},
		{[]string{"max-scale", "maxScale"}, counts},
		{[]string{"initial-scale", "initialScale"}, counts},
		{[]string{"activation-scale"}, counts},
		{[]string{"window"}, lengths},
		{[]string{"scale-down-delay", "scaleDownDelay"}, lengths},
		{[]string{"scale-to-zero-pod-retention-period", "scaleToZeroPodRetentionPeriod"}, lengths},
		{[]string{"target"}, append([]string{"0.01", "0.001"}, percent...)},
		{[]string{"target-utilization-percentage", "targetUtilizationPercentage"}, percent},
		{[]string{"target-burst-capacity", "targetBurstCapacity"}, append([]string{"-1", "-1.0", "-0.5", "211"}, percent...)},
		{[]string{"panic-window-percentage", "panicWindowPercentage"}, percent},
		{[]string{"panic-threshold-percentage", "panicThresholdPercentage"}, percent},
		{[]string{"class"}, []string{"kpa.autoscaling.knative.dev", "hpa.autoscaling.knative.dev", "mpa.autoscaling.knative.dev", "", "kpa"}},
		{[]string{"metric"}, []string{"concurrency", "rps", "cpu", ""}},
		{[]string{"metric-aggregation-algorithm", "metricAggregationAlgorithm"}, []string{"linear", "weighted-exponential", "median", ""}},
	}
	all := []verdict{}
	for range count {
		annotations := map[string]string{}
		for _, key := range keys {
			// Few at a time, so that many sets are accepted, but a bound in most, which the policies demand.
			isBound := key.spellings[0] == "max-scale"
			if random.Intn(7) != 0 && !(isBound && random.Intn(5) != 0) {
				continue
			}
			for _, spelling := range key.spellings {
				if random.Intn(3) != 0 {
					annotations[spelling] = key.values[random.Intn(len(key.values))]
				}
			}
		}
		prefixed := map[string]string{}
		for name, value := range annotations {
			prefixed[prefix+name] = value
		}
		refusal := autoscaling.ValidateAnnotations(context.Background(), config, prefixed)
		all = append(all, verdict{annotations, refusal == nil})
	}
	return all
}
