# Turns a text file into C string literals of the same bytes.
s/[\\"]/\\&/g
s/^/"/
s/$/\\n"/
