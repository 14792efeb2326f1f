# SPDX-License-Identifier: GPL-2.0
#
# Holds a resource against the fields that KMM's custom resource definitions publish (those that we
# could use; a field that is not here is an error), and against what this project must not ask for.
# Prints one line for each thing that is wrong.

def fields(allowed; where):
	to_entries[] | select(.key as $key | allowed | index($key) | not) | "\(where): no field \(.key)";
def wants(name; kind; where):
	if (.[name] | type) != kind then "\(where): \(name) is not a \(kind)" else empty end;

def module_faults:
	fields(["apiVersion", "kind", "metadata", "spec"]; "Module"),
	(if .apiVersion != "kmm.sigs.x-k8s.io/v1beta1" then "Module: apiVersion \(.apiVersion)" else empty end),
	(if (.metadata | (.name + .namespace) | length) > 41
	 then "Module: name and namespace are longer than 41" else empty end),
	(.spec | wants("selector"; "object"; "spec"), wants("moduleLoader"; "object"; "spec"),
		fields(["moduleLoader", "selector", "imageRepoSecret", "tolerations", "devicePlugin", "dra",
			"imageRebuildTriggerGeneration"]; "spec"),
		(.selector | to_entries[] | select(.value | type != "string") | "selector: \(.key) is not a string")),
	(.spec.moduleLoader | fields(["container", "serviceAccountName"]; "moduleLoader")),
	(.spec.moduleLoader.container |
		wants("kernelMappings"; "array"; "container"), wants("modprobe"; "object"; "container"),
		fields(["version", "imagePullPolicy", "modprobe", "kernelMappings", "containerImage", "sign",
			"build", "registryTLS", "inTreeModulesToRemove", "inTreeModuleToRemove"]; "container"),
		(if .imagePullPolicy | IN("Always", "Never", "IfNotPresent") | not
		 then "imagePullPolicy: \(.imagePullPolicy)" else empty end),
		(if has("inTreeModulesToRemove") or has("inTreeModuleToRemove")
		 then "it would unload a driver of the node" else empty end),
		(.modprobe | wants("moduleName"; "string"; "modprobe"),
			fields(["moduleName", "dirName", "modulesLoadingOrder", "parameters", "args", "rawArgs",
				"firmwarePath"]; "modprobe"),
			(if .modulesLoadingOrder[0] != .moduleName
			 then "modulesLoadingOrder does not begin with moduleName" else empty end),
			(if .modulesLoadingOrder != ($names | split(" ") | reverse)
			 then "modulesLoadingOrder is not the modules of dkms.conf, last first" else empty end)),
		(if .kernelMappings == [] then "no kernel is mapped" else empty end),
		(.kernelMappings[] | wants("containerImage"; "string"; "kernelMappings"),
			fields(["literal", "regexp", "containerImage", "build", "sign", "registryTLS",
				"inTreeModulesToRemove", "inTreeModuleToRemove"]; "kernelMappings"),
			(if has("literal") == has("regexp") then "one of literal and regexp is wanted" else empty end),
			(if has("inTreeModulesToRemove") or has("inTreeModuleToRemove")
			 then "it would unload a driver of the node" else empty end),
			(if .containerImage | test(":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$") | not
			 then "\(.containerImage) has no tag that a registry takes" else empty end)));

def preflight_faults:
	fields(["apiVersion", "kind", "metadata", "spec"]; "PreflightValidation"),
	(if .apiVersion != "kmm.sigs.x-k8s.io/v1beta2" then "PreflightValidation: apiVersion \(.apiVersion)" else empty end),
	(.spec | wants("kernelVersion"; "string"; "spec"), wants("pushBuiltImage"; "boolean"; "spec"),
		fields(["kernelVersion", "pushBuiltImage"]; "spec"));

if .kind == "Module" then module_faults
elif .kind == "PreflightValidation" then preflight_faults
else "kind \(.kind)" end
