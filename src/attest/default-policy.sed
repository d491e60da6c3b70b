# Turns a text file into a C string of the same bytes.
s/[\\"]/\\&/g
s/^/        "/
s/$/\\n"/
1i #include "attest/default-policy.h"\n\nconst char default_policy[] =
$a ;
