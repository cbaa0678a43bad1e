package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// flagsOf returns the names and usages of a command's flags.
func flagsOf(c command) (all []*flag.Flag) {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.flags(flags, &options{})
	flags.VisitAll(func(f *flag.Flag) { all = append(all, f) })
	return all
}

// writeCompletion writes the script that completes the names of commands, flags and formats.
func writeCompletion(t *task) error {
	scripts := map[string]func() string{"bash": bash, "zsh": zsh, "fish": fish}
	if len(t.args) != 1 || scripts[t.args[0]] == nil {
		return usageError{"completion takes one of bash, zsh and fish"}
	}
	_, err := io.WriteString(t.out, scripts[t.args[0]]())
	return err
}

// formatsOf returns the formats that a flag takes, or nil.
func formatsOf(f *flag.Flag) []string {
	if f.Name != "format" {
		return nil
	}
	_, list, _ := strings.Cut(f.Usage, ": ")
	return strings.Split(list, ", ")
}

func names() string {
	var all []string
	for _, c := range commands {
		all = append(all, c.name)
	}
	return strings.Join(all, " ")
}

func bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion of typedsecret: source <(typedsecret completion bash)
_typedsecret() {
	local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W '%s' -- "$word")
		return
	fi
	case "${COMP_WORDS[1]} $last" in
`, names())
	for _, c := range commands {
		for _, f := range flagsOf(c) {
			if formats := formatsOf(f); formats != nil {
				fmt.Fprintf(&b, "\t'%s -format') mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$word\"); return ;;\n", c.name, strings.Join(formats, " "))
			}
		}
	}
	b.WriteString("\tesac\n\tcase ${COMP_WORDS[1]} in\n")
	for _, c := range commands {
		var flags []string
		for _, f := range flagsOf(c) {
			flags = append(flags, "-"+f.Name)
		}
		if c.name == "completion" {
			flags = []string{"bash", "zsh", "fish"}
		}
		fmt.Fprintf(&b, "\t%s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$word\") ;;\n", c.name, strings.Join(flags, " "))
	}
	b.WriteString("\tesac\n}\ncomplete -o default -F _typedsecret typedsecret\n")
	return b.String()
}

func zsh() string {
	var b strings.Builder
	b.WriteString("#compdef typedsecret\n# zsh completion of typedsecret: source <(typedsecret completion zsh)\n_typedsecret() {\n\tif ((CURRENT == 2)); then\n\t\tlocal -a commands=(\n")
	quote := strings.NewReplacer("'", `'\''`, ":", `\:`)
	for _, c := range commands {
		fmt.Fprintf(&b, "\t\t\t'%s:%s'\n", c.name, quote.Replace(c.summary))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tlocal command=${words[2]}\n\t((CURRENT--))\n\tshift words\n\tcase $command in\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "\t%s)\n\t\t_arguments", c.name)
		for _, f := range flagsOf(c) {
			value, usage := flag.UnquoteUsage(f)
			usage = strings.NewReplacer("'", `'\''`, ":", `\:`, "[", `\[`, "]", `\]`).Replace(usage)
			switch formats := formatsOf(f); {
			case formats != nil:
				fmt.Fprintf(&b, " \\\n\t\t\t'-%s[%s]:%s:(%s)'", f.Name, usage, value, strings.Join(formats, " "))
			case value == "":
				fmt.Fprintf(&b, " \\\n\t\t\t'-%s[%s]'", f.Name, usage)
			default:
				fmt.Fprintf(&b, " \\\n\t\t\t'-%s[%s]:%s: '", f.Name, usage, value)
			}
		}
		if c.name == "completion" {
			b.WriteString(" \\\n\t\t\t'1:shell:(bash zsh fish)'")
		}
		b.WriteString(" \\\n\t\t\t'*:packages:_files -/'\n\t\t;;\n")
	}
	b.WriteString("\tesac\n}\ncompdef _typedsecret typedsecret\n")
	return b.String()
}

func fish() string {
	var b strings.Builder
	b.WriteString("# fish completion of typedsecret: typedsecret completion fish | source\n")
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	for _, c := range commands {
		fmt.Fprintf(&b, "complete -c typedsecret -n __fish_use_subcommand -f -a %s -d '%s'\n", c.name, quote.Replace(c.summary))
		seen := "'__fish_seen_subcommand_from " + c.name + "'"
		for _, f := range flagsOf(c) {
			value, usage := flag.UnquoteUsage(f)
			line := fmt.Sprintf("complete -c typedsecret -n %s -o %s -d '%s'", seen, f.Name, quote.Replace(usage))
			if formats := formatsOf(f); formats != nil {
				line += " -x -a '" + strings.Join(formats, " ") + "'"
			} else if value != "" {
				line += " -x"
			}
			b.WriteString(line + "\n")
		}
	}
	b.WriteString("complete -c typedsecret -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n")
	return b.String()
}
