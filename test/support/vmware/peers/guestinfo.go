// A client of VMware's Go library for guestinfo, to judge the emulator by and to be measured against:
// guestinfo get KEY [TIMES], guestinfo set KEY VALUE.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/vmware/vmw-guestinfo/rpcvmx"
	"github.com/vmware/vmw-guestinfo/vmcheck"
)

func fail(message interface{}) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

func main() {
	isVM, err := vmcheck.IsVirtualWorld(false)
	if err != nil {
		fail(err)
	}
	if !isVM {
		fail("not on VMware")
	}
	config := rpcvmx.NewConfig()
	if os.Args[1] == "set" {
		if err := config.SetString(os.Args[2], os.Args[3]); err != nil {
			fail(err)
		}
		return
	}
	times := 1
	if len(os.Args) > 3 {
		times, _ = strconv.Atoi(os.Args[3])
	}
	value := ""
	start := time.Now()
	for i := 0; i < times; i++ {
		if value, err = config.String(os.Args[2], "(none)"); err != nil {
			fail(err)
		}
	}
	if times > 1 {
		fmt.Println(float64(time.Since(start).Microseconds()) / 1000)
		return
	}
	fmt.Println(value)
}
