// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	_ "embed"
	"os/exec"
	"os/user"
	"strings"
	"syscall"
)

//go:embed container.sh
var containerScript string

// joinScript moves the shell into a control group and becomes the program: 0
// written to cgroup.procs means the writer, in versions 1 and 2
// (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
const joinScript = `group=$1
shift
echo 0 >"$group/cgroup.procs"
exec "$@"
`

// box says where a program runs. Each wrapping below is a program that becomes
// the next one, so the process that is started is the program itself in the end.
type box struct {
	// root is the root file system of a container with mount and pid namespaces
	// of its own, "" to run on the host. A container needs the right to mount, and
	// an overlayfs that takes several lower layers and no upper one (Linux 4.0,
	// Documentation/filesystems/overlayfs.rst).
	root string
	// dir is the host's directory that is seen in a container, at the same path.
	dir string
	// account is whom the program runs as, nil for the caller.
	account *user.User
	cgroups []string // directories of the control groups to join
}

// command prepares to run a program, given by its path on the host. Like any
// other command it may be given to process.Start, which asks for its end with the
// caller's: exec keeps that (prctl(2), PR_SET_PDEATHSIG), and SIGKILL from outside
// of a pid namespace ends its first process too (pid_namespaces(7)).
func (b box) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	argv := append([]string{strings.TrimPrefix(program, b.root)}, args...)
	if b.account != nil {
		// A change of user clears the signal that process.Start asks for (prctl(2)).
		argv = append([]string{"setpriv", "--reuid=" + b.account.Uid, "--regid=" + b.account.Gid,
			"--init-groups", "--pdeathsig=KILL"}, argv...)
	}
	attr := &syscall.SysProcAttr{}
	if b.root != "" {
		attr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID
		argv = append([]string{"sh", "-euc", containerScript, "container", b.root, b.dir}, argv...)
	}
	for _, group := range b.cgroups {
		argv = append([]string{"sh", "-euc", joinScript, "join", group}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = attr
	return cmd
}
