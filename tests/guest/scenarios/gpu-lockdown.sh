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
dmesg | grep -q 'Lockdown: insmod: unsigned module loading is restricted' ||
	fail "refused for another reason: $(tail -n 1 /tmp/step.log)"
[ ! -d /sys/module/hv_gpu_passthrough ] || fail "it is loaded"
[ ! -e /dev/gpupt ] || fail "a device file is there"
