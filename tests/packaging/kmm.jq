# SPDX-License-Identifier: GPL-2.0
#
# What this project asks of its resources for KMM beyond the published fields, for which there is
# kmm.schema.json: what KMM itself checks later, and what must not be asked for. Prints one line for
# each thing that is wrong. Wants $names, the modules of dkms.conf.

def unloads(where): if has("inTreeModulesToRemove") or has("inTreeModuleToRemove")
	then "\(where): it would unload a driver of the node" else empty end;

if .kind != "Module" then empty else
	(if (.metadata | (.name + .namespace) | length) > 41
	 then "Module: name and namespace are longer than 41" else empty end),
	(.spec.moduleLoader.container |
		unloads("container"),
		(if .imagePullPolicy | IN("Always", "Never", "IfNotPresent") | not
		 then "imagePullPolicy: \(.imagePullPolicy)" else empty end),
		(.modprobe |
			(if .modulesLoadingOrder[0] != .moduleName
			 then "modulesLoadingOrder does not begin with moduleName" else empty end),
			(if .modulesLoadingOrder != ($names | split(" ") | reverse)
			 then "modulesLoadingOrder is not the modules of dkms.conf, last first" else empty end)),
		(.kernelMappings[] |
			unloads("kernelMappings"),
			(if has("literal") == has("regexp") then "one of literal and regexp is wanted" else empty end),
			(if .containerImage | test(":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$") | not
			 then "\(.containerImage) has no tag that a registry takes" else empty end)))
end
