# SPDX-License-Identifier: GPL-2.0
#
# hvaccel. `make help` lists what can be made; the modules themselves are described in Kbuild.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build

package := $(shell sed -n 's/^PACKAGE_NAME="\(.*\)"$$/\1/p' dkms.conf)
version := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
names := $(shell sed -n 's/^BUILT_MODULE_NAME.*="\(.*\)"$$/\1/p' dkms.conf)

# Where things go. INSTALL_MOD_PATH is kbuild's name for what packagers call DESTDIR.
DESTDIR ?=
INSTALL_MOD_PATH ?= $(DESTDIR)
INSTALL_MOD_DIR ?= updates
moddir = $(INSTALL_MOD_PATH)/lib/modules/$(release)/$(INSTALL_MOD_DIR)
dkmsdir = $(DESTDIR)/usr/src/$(package)-$(version)

# The release that the headers in KDIR are for, whatever KVER says.
release = $(shell cat '$(KDIR)/include/config/kernel.release' 2>/dev/null || echo '$(KVER)')

kbuild = $(MAKE) -C '$(KDIR)' M='$(CURDIR)' KBUILD_EXTRA_SYMBOLS=

.DEFAULT_GOAL := modules

.PHONY: help
help: ## list the targets
	@echo 'Variables: KVER=RELEASE KDIR=HEADERS LLVM=1 DESTDIR=ROOT (or INSTALL_MOD_PATH=ROOT)'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: modules
modules: headers-exist ## build the kernel modules for KVER (default: the running kernel)
	+$(kbuild) modules

.PHONY: lint
lint: ## checkpatch, sparse, W=1, shellcheck and the house rules
	tests/lint

.PHONY: install
install: modules ## install the modules for KVER and run depmod
	+$(kbuild) INSTALL_MOD_PATH='$(INSTALL_MOD_PATH)' INSTALL_MOD_DIR='$(INSTALL_MOD_DIR)' \
		DEPMOD=true modules_install
	$(call depmod)

.PHONY: uninstall
uninstall: ## remove what install put there
	$(foreach name,$(names),find '$(moddir)' -name '$(name).ko*' -type f -delete;)
	find '$(moddir)' -depth -type d -empty -delete
	$(call depmod)

.PHONY: dkms
dkms: ## add the source to DKMS, then build and install it for KVER
	rm -rf '$(dkmsdir)'
	mkdir -p '$(dkmsdir)'
	cp -r COPYING Kbuild Makefile dkms.conf compat include vmbus '$(dkmsdir)'
	rm -rf '$(dkmsdir)/compat/generated'

.PHONY: clean
clean: ## remove what was built
	+$(kbuild) clean

# A build without headers ends with one line that names what is missing.
.PHONY: headers-exist
headers-exist:
	@[ -f '$(KDIR)/Makefile' ] || { \
		echo 'hvaccel: no kernel headers in $(KDIR); install those of $(KVER) or set KDIR=' >&2; \
		exit 1; \
	}

# Modules below another root are for a machine that runs depmod by itself, unless its map is there.
define depmod
	depmod $(if $(INSTALL_MOD_PATH),-b '$(INSTALL_MOD_PATH)') '$(release)'
endef
