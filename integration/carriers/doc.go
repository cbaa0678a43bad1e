// Package carriers tests the receivers of package notify with servers that this project did
// not write.
package carriers
