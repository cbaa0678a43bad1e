//go:build !linux

package measure

func pin(int) {}
