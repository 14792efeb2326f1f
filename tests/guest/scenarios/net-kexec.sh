# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The kernel leaves by kexec with the NIC in use: VMBus is unloaded, the next kernel has it all again.
#: cpus=1 deadline=240 mem=768 guest=bzImage
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

driver_load
address "$nics"
echo_test
if grep -qw second_kernel /proc/cmdline; then
	result second_kernel "$(uname -r)"
	exit 0
fi
note "+ packing what this kernel runs from"
(cd / && find . -xdev ! -path './lab/bzImage' | cpio -o -H newc 2>/dev/null) >/tmp/initrd
mkdir -p /var/run
run kexec -s -l /lab/bzImage --initrd=/tmp/initrd \
	--command-line="$(cat /proc/cmdline) second_kernel"
note "+ kexec -e"
sync
# The second kernel gives the verdict; this one has failed when it is still here.
kexec -e
sleep 30
fail "still in the first kernel"
