# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# A kernel that is locked down from its start takes the module signed only: unsigned, nothing is bound.
#: cpus=2 deadline=120 guest=gpu append=lockdown=confidentiality
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=16M

# shellcheck disable=SC1091
. /lab/gpu.sh

mount -t securityfs securityfs /sys/kernel/security
grep -q '\[confidentiality\]' /sys/kernel/security/lockdown ||
	fail "not locked down: $(cat /sys/kernel/security/lockdown)"
bus_up
refuse insmod "/usr/lib/modules/$(uname -r)/ours/hv_gpu_passthrough.ko"
# the kernel says why a few times in five seconds, and has said so of tracing just before
restricted() {
	insmod "/usr/lib/modules/$(uname -r)/ours/hv_gpu_passthrough.ko" 2>/dev/null && fail "it is loaded"
	dmesg | grep -q 'Lockdown: insmod: unsigned module loading is restricted'
}
eventually 15 "lockdown as the reason, not only $(tail -n 1 /tmp/step.log)" restricted
[ ! -d /sys/module/hv_gpu_passthrough ] || fail "it is loaded"
[ ! -e /dev/gpupt ] || fail "a device file is there"
