package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Flags of the WebUI (its versions 1.0 to 1.10 together) by the kind of value that follows them.
var (
	switchFlags = strings.Fields(`
		add-stop-route administrator allow-code always-batch-cond-uncond api api-log api-server-stop
		autolaunch deepdanbooru disable-all-extensions disable-console-progressbars
		disable-extra-extensions disable-model-loading-ram-optimization disable-nan-check
		disable-opt-split-attention disable-safe-unpickle disable-tls-verify
		do-not-download-clip enable-console-prompts enable-insecure-extension-access
		force-enable-xformers freeze-settings gradio-debug gradio-queue hide-ui-dir-config listen log-startup lowram
		lowvram medvram medvram-sdxl no-download-sd-model no-gradio-queue no-half no-half-vae no-hashing
		no-progressbar-hiding no-prompt-history no-tests nowebui opt-channelslast opt-sdp-attention
		opt-sdp-no-mem-attention opt-split-attention opt-split-attention-invokeai opt-split-attention-v1
		opt-sub-quad-attention reinstall-torch reinstall-xformers share show-negative-prompt
		skip-install skip-load-model-at-start skip-prepare-environment skip-python-version-check
		skip-torch-cuda-test skip-version-check ui-debug-mode unix-filenames-sanitization
		unload-gfpgan upcast-sampling update-all-extensions update-check use-ipex use-textbox-seed
		xformers xformers-flash-attention`)
	textFlags = strings.Fields(`
		api-auth bsrgan-models-path ckpt ckpt-dir clip-models-path codeformer-models-path config
		cors-allow-origins cors-allow-origins-regex dat-models-path data-dir device-id embeddings-dir
		esrgan-models-path gfpgan-dir gfpgan-model gfpgan-models-path gradio-auth gradio-auth-path
		gradio-img2img-tool gradio-inpaint-tool hypernetwork-dir ldsr-models-path localizations-dir
		loglevel lora-dir models-dir ngrok ngrok-region realesrgan-models-path
		scunet-models-path server-name styles-file subpath swinir-models-path
		textual-inversion-templates-dir theme tls-certfile tls-keyfile ui-config-file
		ui-settings-file vae-dir vae-path`)
	integerFlags = strings.Fields(`
		filenames-max-length max-batch-count port sub-quad-chunk-threshold sub-quad-kv-chunk-size
		sub-quad-q-chunk-size timeout-keep-alive`)
	choiceFlags = map[string][]string{"precision": {"full", "half", "autocast"}}
	listFlags   = []string{"gradio-allowed-path", "use-cpu"}
)

// arguments is a command line of launch.py; names are without the leading dashes.
type arguments struct {
	switches map[string]bool
	texts    map[string]string
}

// flagsFromEnvironment splits COMMANDLINE_ARGS as launch.py does: the words are appended to the
// arguments inside the process, so that they never are part of its command line.
func flagsFromEnvironment() ([]string, error) {
	return splitWords(os.Getenv("COMMANDLINE_ARGS"))
}

// splitWords splits like a POSIX shell without expansions, as Python's shlex.split does: blanks
// separate, '…' is literal, in "…" a backslash escapes a double quote and itself, elsewhere anything.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote, escaped := false, rune(0), false
	for _, character := range line {
		switch {
		case escaped:
			if quote == '"' && character != '"' && character != '\\' {
				word.WriteRune('\\')
			}
			word.WriteRune(character)
			escaped = false
		case character == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0:
			if character == quote {
				quote = 0
			} else {
				word.WriteRune(character)
			}
		case character == '"' || character == '\'':
			inWord, quote = true, character
		case strings.ContainsRune(" \t\r\n", character):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			inWord = true
			word.WriteRune(character)
		}
	}
	switch {
	case escaped:
		return nil, errors.New("No escaped character")
	case quote != 0:
		return nil, errors.New("No closing quotation")
	case inWord:
		words = append(words, word.String())
	}
	return words, nil
}

// parseArguments reads flags as argparse does: `--flag value` or `--flag=value`, unambiguous
// abbreviations, the last one counts. Its errors name flags, never values, which may be credentials.
func parseArguments(words []string) (arguments, error) {
	parsed := arguments{switches: map[string]bool{}, texts: map[string]string{}}
	var unknown []string
	for index := 0; index < len(words); index++ {
		if words[index] == "-f" {
			continue // "May run as root", which only the WebUI's shell script reads.
		}
		written, value, hasValue := strings.Cut(words[index], "=")
		name, err := flagName(written)
		if err != nil {
			return parsed, err
		}
		takesList := slices.Contains(listFlags, name)
		switch {
		case name == "":
			if !strings.HasPrefix(written, "-") {
				written = "(a value without flag)"
			}
			unknown = append(unknown, written)
			continue
		case slices.Contains(switchFlags, name):
			if hasValue {
				return parsed, fmt.Errorf("argument --%s: ignored explicit argument", name)
			}
			parsed.switches[name] = true
			continue
		case !hasValue && index+1 < len(words) && isValue(words[index+1]):
			index++
			value = words[index]
			for takesList && index+1 < len(words) && isValue(words[index+1]) {
				index++
			}
		case !hasValue && takesList:
			return parsed, fmt.Errorf("argument --%s: expected at least one argument", name)
		case !hasValue:
			return parsed, fmt.Errorf("argument --%s: expected one argument", name)
		}
		if _, err := strconv.Atoi(value); err != nil && slices.Contains(integerFlags, name) {
			return parsed, fmt.Errorf("argument --%s: invalid int value: '%s'", name, value)
		}
		if choices := choiceFlags[name]; choices != nil && !slices.Contains(choices, value) {
			return parsed, fmt.Errorf("argument --%s: invalid choice: '%s' (choose from %s)",
				name, value, strings.Join(choices, ", "))
		}
		parsed.texts[name] = value
	}
	if len(unknown) > 0 {
		return parsed, fmt.Errorf("unrecognized arguments: %s", strings.Join(unknown, " "))
	}
	return parsed, nil
}

// flagName finds the flag meant by a written one, "" if there is none.
func flagName(written string) (string, error) {
	short, isLong := strings.CutPrefix(written, "--")
	if !isLong || short == "" {
		return "", nil
	}
	var candidates []string
	for _, names := range [][]string{switchFlags, textFlags, integerFlags, {"precision"}, listFlags} {
		for _, name := range names {
			if name == short {
				return name, nil
			}
			if strings.HasPrefix(name, short) {
				candidates = append(candidates, "--"+name)
			}
		}
	}
	if len(candidates) > 1 {
		return "", fmt.Errorf("ambiguous option: %s could match %s", written, strings.Join(candidates, ", "))
	}
	return strings.TrimPrefix(strings.Join(candidates, ""), "--"), nil
}

var negativeNumber = regexp.MustCompile(`^-\d+$|^-\d*\.\d+$`)

func isValue(word string) bool {
	return !strings.HasPrefix(word, "-") || word == "-" || strings.Contains(word, " ") || negativeNumber.MatchString(word)
}

// logins are users and their passwords; nil where nothing is guarded.
type logins map[string]string

type credentials struct{ api, page logins }

// readLogins reads the credentials of the API and of the page. As in the WebUI, a malformed pair ends
// the program; the error does not show it.
func readLogins(arguments arguments) (credentials, error) {
	var found credentials
	if pairs := arguments.texts["api-auth"]; pairs != "" {
		found.api = logins{}
		for pair := range strings.SplitSeq(pairs, ",") {
			user, password, complete := strings.Cut(pair, ":")
			if !complete || strings.Contains(password, ":") {
				return found, errors.New("ValueError: --api-auth needs user:password pairs, separated by commas, without a colon in the password")
			}
			found.api[user] = password
		}
	}
	pairs := arguments.texts["gradio-auth"]
	if path := arguments.texts["gradio-auth-path"]; path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return found, fmt.Errorf("FileNotFoundError: --gradio-auth-path: %w", err)
		}
		pairs += "," + strings.ReplaceAll(string(content), "\n", ",")
	}
	for pair := range strings.SplitSeq(pairs, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		user, password, complete := strings.Cut(pair, ":")
		if !complete {
			return found, errors.New("IndexError: --gradio-auth needs user:password pairs, separated by commas")
		}
		if found.page == nil {
			found.page = logins{}
		}
		found.page[user] = password
	}
	return found, nil
}
