package measure

import (
	"runtime"
	"sync"
	"time"
)

// PerOp runs loop for about d, and returns the nanoseconds of one operation. loop has to do
// n operations. On several cores each goroutine runs a loop of its own, and the result is
// the elapsed time divided by the operations of all, which is the inverse of the
// throughput. GOMAXPROCS is the number of cores meanwhile.
func PerOp(d time.Duration, cores int, loop func(n int) error) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	n, err := calibrate(d, cores, loop)
	if err != nil {
		return 0, err
	}
	took, err := together(cores, n, loop)
	return float64(took.Nanoseconds()) / float64(n*cores), err
}

// calibrate returns how many operations take about d. It also warms up the loop.
func calibrate(d time.Duration, cores int, loop func(n int) error) (int, error) {
	for n := 64; ; {
		took, err := together(cores, n, loop)
		if err != nil {
			return 0, err
		}
		if took >= d/8 {
			return max(1, int(float64(n)*float64(d)/float64(took))), nil
		}
		n = min(n*8, int(float64(n)*float64(d)/float64(max(took, time.Microsecond))/4)+n)
	}
}

func together(goroutines, n int, loop func(n int) error) (time.Duration, error) {
	if goroutines == 1 {
		began := time.Now()
		err := loop(n)
		return time.Since(began), err
	}
	var done sync.WaitGroup
	errs := make(chan error, goroutines)
	start := make(chan struct{})
	for range goroutines {
		done.Go(func() {
			<-start
			errs <- loop(n)
		})
	}
	began := time.Now()
	close(start)
	done.Wait()
	took := time.Since(began)
	for range goroutines {
		if err := <-errs; err != nil {
			return 0, err
		}
	}
	return took, nil
}

// Goroutines is like PerOp, with more goroutines than cores.
func Goroutines(d time.Duration, goroutines int, loop func(n int) error) (float64, error) {
	n, err := calibrate(d, goroutines, loop)
	if err != nil {
		return 0, err
	}
	took, err := together(goroutines, n, loop)
	return float64(took.Nanoseconds()) / float64(n*goroutines), err
}
