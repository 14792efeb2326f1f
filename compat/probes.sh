# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# One probe for each API change that a shim in this folder bridges, by subject and then by name.
# probe FLAG VERSION TEST... is explained in compat/generate.

# VMBus
probe HAVE_HV_DRIVER_REMOVE_VOID 6.3 has_member linux/hyperv.h hv_driver 'void \(\*remove\)'
