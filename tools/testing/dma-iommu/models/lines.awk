# SPDX-License-Identifier: GPL-2.0
#
# Hold the comments "FILE FUNCTION(): TEXT" of flush.pml against the source: awk -v
# room=DIR -f lines.awk flush.pml. Prints what differs: a text that its function does
# not have, and atomic accesses and barriers of flush.c that no comment names.

function squeeze(line)
{
	gsub(/[ \t]+/, " ", line)
	sub(/^ /, "", line)
	return line
}

# All lines of a file as text[file, function, n], joined where one goes on
function load(file,    path, line, name, held)
{
	path = room "/" file
	while ((getline line < path) > 0) {
		if (line ~ /^[A-Za-z].*[a-z_0-9]+\(/) {
			name = line
			sub(/\(.*/, "", name)
			sub(/.*[ *]/, "", name)
		}
		if (name == "" || line ~ /^[ \t]*(\/?\*|\/\/)/)
			continue
		body[file, name] = body[file, name] " " squeeze(line)
		if (file == "flush.c" &&
		    line ~ /(atomic_[a-z_]+\(|smp_|READ_ONCE|WRITE_ONCE)/)
			access[squeeze(line)] = name
		if (line == "}")
			name = ""
	}
	close(path)
	loaded[file] = 1
}

match($0, /\/\* [a-z]+\.[ch] [a-z_]+\(\): .* \*\/$/) {
	split($0, part, /[ \t]*\/\* /)
	note = part[2]
	sub(/ \*\/$/, "", note)
	file = note
	sub(/ .*/, "", file)
	name = note
	sub(/^[^ ]* /, "", name)
	sub(/\(\): .*/, "", name)
	text = note
	sub(/^[^ ]* [a-z_]*\(\): /, "", text)
	if (!(file in loaded))
		load(file)
	if (!index(body[file, name], squeeze(text)))
		print file " " name "() has no: " text
	if (file == "flush.c")
		named = named "\n" name ": " squeeze(text)
	count++
}

END {
	if (!count)
		print "no line is named"
	for (line in access) {
		# Publishing lazy mode is before all that is modelled
		if (access[line] == "iommu_dma_init_fq")
			continue
		found = 0
		n = split(named, list, "\n")
		for (i = 1; i <= n; i++) {
			text = list[i]
			name = text
			sub(/: .*/, "", name)
			sub(/^[^:]*: /, "", text)
			if (name == access[line] &&
			    (index(line, text) || index(text, line)))
				found = 1
		}
		if (!found)
			print "flush.pml does not have: " access[line] "(): " line
	}
}
