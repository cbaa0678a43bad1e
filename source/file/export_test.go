package file

// Paths returns where the file of a secret may be; windows says by whose rules.
func Paths(id string, windows bool) (paths []string, err error) {
	all, err := candidates(id, windows)
	for _, c := range all {
		paths = append(paths, c.path)
	}
	return paths, err
}
