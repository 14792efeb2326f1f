# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2207 # names without spaces
# Completion of hvaccel for Bash: commands, their options, NICs and channels' devices.

_hvaccel_nics() {
	local path
	for path in /sys/bus/vmbus/devices/*/net/*; do
		[ ! -e "$path" ] || echo "${path##*/}"
	done
}

_hvaccel() {
	local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]} words=

	case $last in
	--sysroot)
		COMPREPLY=($(compgen -d -- "$word"))
		return
		;;
	--format)
		COMPREPLY=($(compgen -W 'text nccl rccl hwloc json dot svg k8s' -- "$word"))
		return
		;;
	--lose)
		COMPREPLY=($(compgen -W 'uppers tc xdp lease sockets nexthops all' -- "$word"))
		return
		;;
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		# the program lists its commands, two spaces before each
		words="$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z-]*\) .*/\1/p')"
		COMPREPLY=($(compgen -W "$words --help" -- "$word"))
		return
	fi
	case $word in
	-*)
		# as do the commands with their options
		words="$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null |
			grep -o -- '--[a-z-]*' | sort -u)"
		COMPREPLY=($(compgen -W "$words" -- "$word"))
		return
		;;
	esac
	case ${COMP_WORDS[1]} in
	status | confirm | top) words=$(_hvaccel_nics) ;;
	switch)
		words=$(_hvaccel_nics)
		[ "$COMP_CWORD" -ne 3 ] || words='accel intree'
		;;
	tune) words='hpc throughput latency' ;;
	topo)
		words=check
		if [ "$last" = check ]; then
			COMPREPLY=($(compgen -f -- "$word"))
			return
		fi
		;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -F _hvaccel hvaccel
