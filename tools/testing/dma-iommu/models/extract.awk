# SPDX-License-Identifier: GPL-2.0
# Print functions and structures of a source file: awk -v names="a b" -f extract.awk FILE
# A function begins at the start of the line that names it, or of the line before.
BEGIN {
	split(names, list, " ")
	for (i in list)
		wanted[list[i]] = 1
}
/^[a-z].*[^;]$/ && !on {
	name = $0
	if (name ~ /^struct [a-z0-9_]+ \{$/) {
		name = $2
	} else if (sub(/\(.*/, "", name)) {
		sub(/.*[ *]/, "", name)
	} else {
		held = $0
		next
	}
	if (name in wanted) {
		on = 1
		found[name] = 1
		if (held != "")
			print held
	}
}
{ held = "" }
on { print }
on && /^\}/ { on = 0; print "" }
END {
	for (i in list)
		if (!(list[i] in found)) {
			print FILENAME ": there is no " list[i] >"/dev/stderr"
			exit 1
		}
}
